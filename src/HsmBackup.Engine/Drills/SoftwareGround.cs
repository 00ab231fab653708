using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Drills;

/// <summary>
/// Throw-away software tokens in the memory of this computer. What a killed drill has left of them goes when the next are made.
/// </summary>
internal sealed class SoftwareGround : DrillGround
{
    // Nobody else uses them; and a busy computer is no failure.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly List<ScratchToken> _tokens = [];
    private readonly List<DrillTargetNode> _targets = [];
    private readonly Pin _soPin = ScratchToken.RandomPin();

    private SoftwareGround()
    {
    }

    /// <inheritdoc/>
    public override IReadOnlyList<DrillTargetNode> Targets => _targets;

    /// <inheritdoc/>
    public override string? DrillCluster => null;

    /// <summary>Makes blank tokens in the place of nodes.</summary>
    /// <exception cref="HsmBackupException">DrillNotPossible: there is no SoftHSM on this system.</exception>
    public static SoftwareGround Make(IEnumerable<ClusterNode> places, string? library)
    {
        var ground = new SoftwareGround();
        try
        {
            foreach (ClusterNode place in places)
            {
                var token = ScratchToken.Create(place.Address.TokenLabel ?? place.Name, library, blank: true);
                ground._tokens.Add(token);
                ground._targets.Add(new DrillTargetNode(place with { Address = token.Address, Pin = null, Timeout = Patience }, token.Pin,
                    ground._soPin));
            }
            return ground;
        }
        catch (Exception e)
        {
            ground.Dispose();
            throw e is not HsmBackupException { Code: ErrorCode.LibraryNotFound } ? e : new HsmBackupException(ErrorCode.DrillNotPossible,
                "The definition allows software targets for drills, and SoftHSM is not installed.",
                "Install SoftHSM 2 (Debian: apt-get install softhsm2), or name a drill cluster in the definition (drill.cluster).", e);
        }
    }

    /// <inheritdoc/>
    public override void Clear(DrillTargetNode target)
    {
        _tokens[_targets.IndexOf(target)].Destroy();
        target.Token = null;
    }

    /// <inheritdoc/>
    public override string CleanUp()
    {
        int count = _tokens.Count;
        List<Exception> failures = RemoveAll();
        return failures.Count == 0 ? FormattableString.Invariant($"{count} software tokens removed")
            : throw new HsmBackupException(ErrorCode.DrillFailed,
            FormattableString.Invariant($"{failures.Count} of {count} software tokens could not be removed: {failures[0].Message}"),
            "The next drill removes them; until then recovered keys are in the memory of this computer.", failures[0]);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _ = RemoveAll();
        _soPin.Dispose();
    }

    private List<Exception> RemoveAll()
    {
        List<Exception> failures = [];
        foreach (ScratchToken token in _tokens)
        {
            try
            {
                token.Dispose();
            }
            catch (Exception e) when (FileErrors.Covers(e))
            {
                failures.Add(e);
            }
        }
        _tokens.Clear();
        return failures;
    }
}
