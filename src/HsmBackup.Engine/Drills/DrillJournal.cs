using System.Text.Json.Serialization;

namespace HsmBackup.Engine.Drills;

/// <summary>An object that a drill brings onto the tokens of a drill cluster.</summary>
/// <param name="Class">Its class (CKO).</param>
/// <param name="Label">Its label as it is.</param>
/// <param name="Id">CKA_ID in hex.</param>
internal sealed record AnnouncedObject(ulong Class, string Label, string Id);

/// <summary>A token of a drill cluster that a drill works on.</summary>
/// <param name="Node">Name of its node in the drill cluster.</param>
/// <param name="Label">Its label.</param>
/// <param name="Serial">Its serial number; null before it was initialised.</param>
internal sealed record AnnouncedToken(string Node, string? Label, string? Serial);

/// <summary>
/// What a drill is going to put on the tokens of a drill cluster, written before the first object is: whoever finds it later knows what may
/// be removed. It goes when the tokens are blank again.
/// </summary>
internal sealed record DrillJournal
{
    /// <summary>When the drill began, in UTC.</summary>
    public required DateTimeOffset Started { get; init; }

    /// <summary>The cluster that was drilled.</summary>
    public required string ClusterId { get; init; }

    /// <summary>The tokens.</summary>
    public required IReadOnlyList<AnnouncedToken> Tokens { get; init; }

    /// <summary>What may be on each of them.</summary>
    public required IReadOnlyList<AnnouncedObject> Objects { get; init; }

    /// <summary>
    /// Whether an object of one of the tokens is of the drill. A process that is killed while a token makes an object leaves it without the
    /// names that it was to get; the tokens held nothing when the journal was begun.
    /// </summary>
    public bool Covers(ulong? objectClass, string label, string id) => Objects.Any(o =>
        (objectClass is null || objectClass == o.Class) && (label.Length == 0 || label == o.Label) && (id.Length == 0 || id == o.Id));
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(DrillJournal))]
internal sealed partial class DrillJournalJson : JsonSerializerContext;
