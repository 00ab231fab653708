using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Drills;

namespace HsmBackup.Engine.Reporting;

/// <summary>What drills, steps and outcomes are called on paper.</summary>
internal static class DrillWords
{
    public static string Of(DrillScenario scenario) => scenario switch
    {
        DrillScenario.ClusterLoss => "Loss of the whole cluster",
        DrillScenario.NodeLoss => "Loss of a node",
        DrillScenario.KeyLoss => "Loss of keys",
        DrillScenario.BackupVerification => "Verification of stored backups",
        DrillScenario.StoreLoss => "Loss of a store",
        _ => scenario.ToString(),
    };

    public static string Rehearsed(DrillReport report) => report.Scenario switch
    {
        DrillScenario.ClusterLoss => "A new cluster was to be made from the latest backup that can be restored.",
        DrillScenario.NodeLoss => "A blank node was to take the place of a lost one.",
        DrillScenario.KeyLoss => "Deleted keys were to be brought back, and nothing else touched.",
        DrillScenario.BackupVerification => "A random sample of the stored backups was to be restored.",
        DrillScenario.StoreLoss =>
            "One node was to be made anew from what is left without "
                + $"{(report.LostStore is { } store ? $"the store '{store}'" : "one of the stores")}.",
        _ => "",
    };

    public static string Of(DrillResult result) => result switch
    {
        DrillResult.Passed => "passed",
        DrillResult.Failed => "failed",
        DrillResult.Interrupted => "interrupted",
        _ => result.ToString(),
    };

    public static Piece ResultOf(DrillResult result) => new(result.ToString(), result switch
    {
        DrillResult.Passed => Tone.Good,
        DrillResult.Failed => Tone.Bad,
        _ => Tone.Warning,
    });

    public static string OfStep(string name) => name switch
    {
        DrillStep.Find => "Find the backup",
        DrillStep.Fetch => "Fetch it from its store",
        DrillStep.Secrets => "Collect key and shares",
        DrillStep.Authenticate => "Authenticate the file",
        DrillStep.Prepare => "Prepare the scene",
        DrillStep.Initialize => "Initialise the tokens",
        DrillStep.Join => "Bring in the cluster key",
        DrillStep.Lose => "Bring about the loss",
        DrillStep.Restore => "Restore the objects",
        DrillStep.Prove => "Prove each key",
        DrillStep.Use => "Use each key",
        DrillStep.CleanUp => "Clean up",
        _ => name,
    };

    public static string Of(DrillStep step) => step.Subject is null ? OfStep(step.Name) : $"{OfStep(step.Name)} ({step.Subject})";

    public static Piece Of(CheckOutcome outcome) => outcome switch
    {
        CheckOutcome.Passed => new Piece("Passed", Tone.Good),
        CheckOutcome.Failed => new Piece("Failed", Tone.Bad),
        CheckOutcome.Skipped => new Piece("Skipped", Tone.Warning),
        CheckOutcome.NotRun => new Piece("Not run", Tone.Warning),
        _ => new Piece(outcome.ToString(), Tone.Warning),
    };

    /// <summary>What a group of keys of one kind is called.</summary>
    public static string OfKind(DrilledKey key) => key switch
    {
        { Class: "CKO_PRIVATE_KEY" } => $"{Bare(key.KeyType)} private keys",
        { Class: "CKO_SECRET_KEY" } => $"{Bare(key.KeyType)} secret keys",
        { Class: "CKO_PUBLIC_KEY" } => $"{Bare(key.KeyType)} public keys",
        { Class: "CKO_CERTIFICATE" } => "Certificates",
        _ => key.KeyType is null ? key.Class : $"{key.Class} {key.KeyType}",
    };

    // "CKK_EC" is what a program calls it; "EC" is what its owner does.
    private static string Bare(string? keyType) => keyType is null ? "Other"
        : keyType.StartsWith("CKK_", StringComparison.Ordinal) ? keyType[4..].Replace('_', ' ') : keyType;
}
