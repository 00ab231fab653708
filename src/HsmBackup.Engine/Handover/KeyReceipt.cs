using System.Text.Json.Serialization;

namespace HsmBackup.Engine.Handover;

/// <summary>Who received the one-time key of a backup, and when. It stays where the key was.</summary>
public sealed record KeyReceipt
{
    /// <summary>The backup.</summary>
    public required string BackupId { get; init; }

    /// <summary>When, in UTC.</summary>
    public required DateTimeOffset Received { get; init; }

    /// <summary>The account that ran the command.</summary>
    public required string By { get; init; }

    /// <summary>The computer that it ran on.</summary>
    public required string Host { get; init; }

    /// <summary>Where the private key was that opened it, or which vault it came from.</summary>
    public required string With { get; init; }
}

/// <summary>Where a key is that is in no sealed file.</summary>
/// <param name="Vault">The vault.</param>
internal sealed record VaultMark(string Vault);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(KeyReceipt))]
[JsonSerializable(typeof(VaultMark))]
internal sealed partial class HandoverJson : JsonSerializerContext;
