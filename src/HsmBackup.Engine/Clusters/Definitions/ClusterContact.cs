namespace HsmBackup.Engine.Clusters.Definitions;

/// <summary>Somebody who has to do with the cluster.</summary>
public sealed record ClusterContact
{
    /// <summary>The name, unique among the contacts whatever the case; other parts of the definition refer to it.</summary>
    public required string Name { get; init; }

    /// <summary>What the person is for: custodian, security officer, manager.</summary>
    public string? Role { get; init; }

    /// <summary>E-mail address.</summary>
    public string? Email { get; init; }

    /// <summary>Telephone number.</summary>
    public string? Phone { get; init; }

    /// <summary>Anything else that helps to reach them.</summary>
    public string? Notes { get; init; }

    /// <summary>The name.</summary>
    public override string ToString() => Name;
}

/// <summary>Who is called, and how long after an incident began.</summary>
public sealed record EscalationStep
{
    /// <summary>How long after the beginning.</summary>
    public required TimeSpan After { get; init; }

    /// <summary>Names of the contacts to call, at least one.</summary>
    public required IReadOnlyList<string> Contacts { get; init; }

    /// <summary>What they are called for.</summary>
    public string? Purpose { get; init; }
}
