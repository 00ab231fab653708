namespace HsmBackup.Engine.Backup;

/// <summary>Which objects of a backup go into which token.</summary>
public sealed record KeyRestoreRequest : RestoreRequest
{
    /// <summary>Which objects.</summary>
    public required KeySelection Selection { get; init; }

    /// <summary>
    /// Let the restored objects take the place of what has their id or label: it goes when they are proven, and a safety backup holds it.
    /// </summary>
    public bool Replace { get; init; }

    /// <summary>Restore an object beside others of its label whose ids are different.</summary>
    public bool AllowDuplicateLabel { get; init; }
}
