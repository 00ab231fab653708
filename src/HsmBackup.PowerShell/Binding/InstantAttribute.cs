using System.Globalization;
using System.Management.Automation;

namespace HsmBackup.PowerShell.Binding;

/// <summary>Takes a moment: a DateTimeOffset, a DateTime, or ISO 8601. What else a culture writes means another day elsewhere.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class InstantAttribute : ArgumentTransformationAttribute
{
    private static readonly string[] Formats =
    [
        "yyyy-MM-dd", "yyyy-MM-dd'T'HH:mm", "yyyy-MM-dd'T'HH:mmK", "yyyy-MM-dd'T'HH:mm:ss", "yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK",
        "yyyy-MM-dd HH:mm", "yyyy-MM-dd HH:mm:ss", "yyyy-MM-dd HH:mm:ssK",
    ];

    /// <inheritdoc/>
    public override object? Transform(EngineIntrinsics engineIntrinsics, object? inputData) => inputData switch
    {
        PSObject { BaseObject: not PSCustomObject } wrapped => Transform(engineIntrinsics, wrapped.BaseObject),
        null => null,
        DateTimeOffset instant => instant,
        DateTime time => new DateTimeOffset(time),
        // A time without an offset is that of the clock on the wall, as elsewhere in PowerShell.
        string text when DateTimeOffset.TryParseExact(text, Formats, CultureInfo.InvariantCulture, DateTimeStyles.AssumeLocal, out DateTimeOffset instant) => instant,
        _ => throw new ArgumentTransformationMetadataException("A time is expected here: a DateTimeOffset, a DateTime, or text such as 2026-11-22, 2026-11-22T08:00 or 2026-11-22T08:00:00Z."),
    };
}
