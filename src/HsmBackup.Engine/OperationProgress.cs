namespace HsmBackup.Engine;

/// <summary>How far an operation is.</summary>
/// <param name="Activity">What is being done, for example "Backing up payments".</param>
/// <param name="Status">The step.</param>
/// <param name="Done">Items done in this step.</param>
/// <param name="Total">Items of this step; 0 where that is not known.</param>
public readonly record struct OperationProgress(string Activity, string Status, int Done, int Total);
