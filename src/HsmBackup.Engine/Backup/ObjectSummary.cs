using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Backup;

/// <summary>An object as a result shows it; without its key.</summary>
/// <param name="Index">Its place in the backup; -1 for an object that is only on a token.</param>
/// <param name="Class">The class by its PKCS#11 name.</param>
/// <param name="KeyType">The key type by its PKCS#11 name; null for what is not a key.</param>
/// <param name="Label">The label.</param>
/// <param name="Id">CKA_ID in hex.</param>
/// <param name="Verdict">What the backup says of it.</param>
/// <param name="Reason">Why the verdict is not Captured, or what is remarkable although it is.</param>
public sealed record ObjectSummary(int Index, string Class, string? KeyType, string Label, string Id, Verdict Verdict, string? Reason)
{
    /// <summary>The summary of a record.</summary>
    public static ObjectSummary Of(ObjectRecord record) => new(
        record.Index,
        record.ObjectClass == ulong.MaxValue ? "" : Names.OfClass(record.ObjectClass),
        record.KeyType is { } keyType ? Names.OfKeyType(keyType) : null,
        DisplayText.Harmless(record.Label), record.Id, record.Verdict, record.Reason);

    /// <inheritdoc/>
    public override string ToString() => (Class.Length == 0 ? "unreadable object" : Class)
        + (KeyType is null ? "" : " " + KeyType) + $" '{Label}'" + (Id.Length == 0 ? "" : $" (id {Id})");
}
