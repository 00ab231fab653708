namespace EngineDrill;

/// <summary>Something is not as the drill must have it.</summary>
internal sealed class DrillException(string message) : Exception(message);
