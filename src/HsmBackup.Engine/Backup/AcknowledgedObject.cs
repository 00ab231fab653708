namespace HsmBackup.Engine.Backup;

/// <summary>
/// An object that is known to be missed by backups, and may be: what is given of label, id and class must all be the object's own,
/// letter by letter.
/// </summary>
public sealed record AcknowledgedObject
{
    /// <summary>The label; null to go by the rest.</summary>
    public string? Label { get; init; }

    /// <summary>CKA_ID in lower-case hex; null to go by the rest.</summary>
    public string? Id { get; init; }

    /// <summary>The class by its PKCS#11 name; null for any. It narrows a label or id down and never stands alone.</summary>
    public string? Class { get; init; }

    /// <summary>Why a backup may do without it.</summary>
    public required string Reason { get; init; }

    /// <summary>Whether it speaks of an object.</summary>
    public bool Covers(ObjectSummary subject)
    {
        ArgumentNullException.ThrowIfNull(subject);
        return (Label is not null || Id is not null)
            && (Label is null || Label == subject.Label)
            && (Id is null || Id == subject.Id)
            && (Class is null || Class == subject.Class);
    }
}
