using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Drills;

/// <summary>A token that takes the place of a node in a drill.</summary>
internal sealed class DrillTargetNode(ClusterNode node, Pin pin, Pin? soPin)
{
    /// <summary>The node: the name of the one whose place it takes, and the address of the target's token.</summary>
    public ClusterNode Node { get; set; } = node;

    /// <summary>User PIN of the token, or the one that it gets.</summary>
    public Pin Pin { get; } = pin;

    /// <summary>PIN of the security officer; null where the token is initialised already.</summary>
    public Pin? SoPin { get; } = soPin;

    /// <summary>What the token says of itself, once it is initialised.</summary>
    public TokenInfo? Token { get; set; }

    /// <summary>Whether it fell silent: a call may still be under way on its session, which nobody else may touch then.</summary>
    public bool IsAbandoned { get; set; }

    /// <summary>For the report.</summary>
    public DrillTarget ToDrillTarget() =>
        new(Node.Name, Token?.Label ?? Node.Address.TokenLabel ?? "", Token?.SerialNumber ?? Node.Address.TokenSerial,
        Token is null ? null : $"{Token.Manufacturer} {Token.Model}".Trim(), Token?.FirmwareVersion);
}

/// <summary>Where a drill recovers to: tokens that are none of the cluster's own, and are blank before and after.</summary>
internal abstract class DrillGround : IDisposable
{
    /// <summary>The tokens.</summary>
    public abstract IReadOnlyList<DrillTargetNode> Targets { get; }

    /// <summary>Name of the drill cluster; null for software tokens.</summary>
    public abstract string? DrillCluster { get; }

    /// <summary>What is to be said of them in the report.</summary>
    public virtual IReadOnlyList<string> Deviations => [];

    /// <summary>
    /// Before objects are brought onto the targets: what it takes to remove them again, whatever happens, is written down first.
    /// </summary>
    /// <param name="objects">What is going to be on each of them.</param>
    public virtual void Announce(IReadOnlyList<AnnouncedObject> objects)
    {
    }

    /// <summary>Tokens were initialised: from now on they are known by their serial numbers.</summary>
    public virtual void NoteInitialized()
    {
    }

    /// <summary>Makes a token blank again, for the next backup.</summary>
    public abstract void Clear(DrillTargetNode target);

    /// <summary>Removes what was made for the drill; whatever stays is said by an error.</summary>
    /// <returns>What was removed.</returns>
    /// <exception cref="HsmBackupException">DrillFailed: something stays.</exception>
    public abstract string CleanUp();

    /// <inheritdoc/>
    public abstract void Dispose();
}
