using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Backup;

/// <summary>Level Live: every object of the live token is proven equal to the backup, one check an object.</summary>
internal static class LiveTest
{
    public static void Run(
        TestRequest request, OpenedBackup backup, TestChecks checks, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        string activity = $"Testing {backup.Header.Id}";
        progress?.Report(new OperationProgress(activity, "Opening the token", 0, 0));
        using TokenConnection connection = TokenConnection.Open(request.Token!, request.Pin, readWrite: false, cancellationToken);
        if (RestoreChecks.FindMismatch(backup, request.Cluster, connection.Token) is { } mismatch)
        {
            checks.Add("Token", CheckOutcome.Failed, backup.Manifest.TokenLabel, connection.Token.Label, $"The backup is {mismatch}.");
            return;
        }
        using KeyEncryptionKey kek = backup.ImportKek(connection, request.Cluster?.ClusterKey);
        TokenSnapshot snapshot = TokenSnapshot.Take(backup, connection, kek,
            (done, total) => progress?.Report(new OperationProgress(activity, "Comparing with the live token", done, total)), cancellationToken);
        foreach (PlanStep step in RestorePlanner.Plan(snapshot.Backup, snapshot.Token))
        {
            string name = step.Item.Object.ToString();
            switch (step.Item.Action)
            {
                case PlanAction.Keep when step.Source!.IsProvenBy(step.Target):
                    checks.Proven(name, "attributes are equal, and the key is proven where there is one");
                    break;
                case PlanAction.Keep:
                    checks.Unprovable(name, $"the backup has no key to compare with: {step.Source!.Summary.Verdict}, {step.Source.Summary.Reason}");
                    break;
                case PlanAction.Add or PlanAction.Unrestorable:
                    checks.Add(name, CheckOutcome.Failed, "on the token", "not there", "The token does not have it any more.");
                    break;
                case PlanAction.Replace:
                    checks.Add(name, CheckOutcome.Failed, "as in the backup", "different", "The token has it with another key or other attributes.");
                    break;
                default:
                    checks.Add(name, CheckOutcome.Failed, "not there", "on the token", "It came after the backup, or was changed since.");
                    break;
            }
        }
    }
}
