namespace HsmBackup.Engine.Catalogue;

/// <summary>How deep a test goes. Each level includes those before it.</summary>
public enum TestLevel
{
    /// <summary>The public header can be read.</summary>
    Header,

    /// <summary>The file is undamaged. Needs no key; finds accidents, not attackers.</summary>
    Integrity,

    /// <summary>The file is authentic and complete, and all of it can be opened. Needs the one-time key.</summary>
    Content,

    /// <summary>Every object of the live token is proven equal to the backup.</summary>
    Live,

    /// <summary>The backup was restored to a scratch token, and every key used there.</summary>
    Restore,
}
