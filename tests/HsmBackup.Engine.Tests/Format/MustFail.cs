using HsmBackup.Engine.Format;

namespace HsmBackup.Engine.Tests.Format;

/// <summary>
/// A backup that must be refused, and how: <see cref="Keyless"/> is what a check without the key says (null when only the
/// key shows the fault), <see cref="WithKey"/> what opening says.
/// </summary>
internal sealed record MustFail(string Name, ErrorCode? Keyless, ErrorCode WithKey, string Why, byte[] Bytes)
{
    /// <summary>Its path within the folder of the vectors.</summary>
    public string FileName => "must-fail/" + Name + BackupFormat.FileExtension;

    /// <summary>All of them, in the order of the index.</summary>
    public static IReadOnlyList<MustFail> All { get; } =
        [.. HeaderVectors.All(), .. StructureVectors.All(), .. ContentVectors.All()];

    /// <summary>Refused by the header alone, and so by everything.</summary>
    public static MustFail ByHeader(string name, ErrorCode code, string why, byte[] bytes) => new(name, code, code, why, bytes);

    /// <summary>Refused without the key as well as with it.</summary>
    public static MustFail ByStructure(string name, string why, byte[] bytes) =>
        new(name, ErrorCode.IntegrityFailed, ErrorCode.IntegrityFailed, why, bytes);

    /// <summary>Nothing is wrong with it as far as anybody without the key can see.</summary>
    public static MustFail ByContent(string name, string why, byte[] bytes) =>
        new(name, null, ErrorCode.AuthenticationFailed, why, bytes);
}
