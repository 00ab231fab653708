using System.Collections;
using HsmBackup.Engine.Handover;

namespace HsmBackup.PowerShell.Binding;

/// <summary>Completes <c>-BackupId</c> with the backups whose keys wait.</summary>
public sealed class WaitingKeyCompleter : ValueCompleter
{
    private protected override IEnumerable<CompletionValue> Find(IDictionary boundParameters)
    {
        SessionPaths paths = SessionPaths();
        return boundParameters["Cluster"] is not string { Length: > 0 } name ? [] :
            [.. WaitingKeys.Of(new ClusterReference(name).Find(paths), paths.LiteralOrNull(boundParameters["StatePath"] as string), null, TimeProvider.System)
                .List().Reverse().Select(key => new CompletionValue(key.BackupId, key.Vault ?? string.Join("; ", key.SealedFor)))];
    }
}
