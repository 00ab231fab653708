namespace HsmBackup.Engine.Tests.Support;

/// <summary>The clock of the system, ahead of it or behind.</summary>
internal sealed class ShiftedClock(TimeSpan shift) : TimeProvider
{
    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + shift;
}
