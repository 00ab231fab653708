using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Tests.Support;

/// <summary>A token that a test can fill, lose and get blank again, whoever made its library.</summary>
internal interface ITestToken : IDisposable
{
    /// <summary>Where it is.</summary>
    TokenAddress Address { get; }

    /// <summary>Its user PIN.</summary>
    Pin Pin { get; }

    /// <summary>What a replaced device looks like: blank, with the same label and PIN.</summary>
    void Replace();
}
