using System.Collections;
using HsmBackup.Engine.Catalogue;

namespace HsmBackup.PowerShell.Binding;

/// <summary>Completes <c>-BackupId</c> with the backups in the folder on the same line, or in the current location.</summary>
public sealed class BackupIdCompleter : ValueCompleter
{
    private protected override IEnumerable<CompletionValue> Find(IDictionary boundParameters)
    {
        SessionPaths paths = SessionPaths();
        IEnumerable<string> places = (boundParameters["LiteralPath"], boundParameters["Path"]) switch
        {
            (string literal, _) => [paths.Literal(literal)],
            (_, string path) => paths.Matches(path),
            _ => [paths.Current],
        };
        return [.. places
            .SelectMany(place => BackupCatalogue.List(place, out _))
            .OrderByDescending(backup => backup.BackupId, StringComparer.Ordinal)
            .Select(backup => new CompletionValue(
                backup.BackupId,
                $"{backup.ClusterName}: {backup.State}, {backup.Captured} of {backup.Objects} objects"))];
    }
}
