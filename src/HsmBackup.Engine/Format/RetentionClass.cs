namespace HsmBackup.Engine.Format;

/// <summary>Which of the retention rules of its cluster a backup falls under.</summary>
public enum RetentionClass
{
    /// <summary>A backup in a store that is always reachable.</summary>
    Online,
    /// <summary>A backup on a medium that is put away.</summary>
    Offline,
}
