using System.Globalization;

namespace HsmBackup.Engine.Tests.Support;

/// <summary>Another culture until it is disposed: what is written in between for machines and records must not follow it.</summary>
internal sealed class OtherCulture : IDisposable
{
    private readonly CultureInfo _before = CultureInfo.CurrentCulture;

    /// <param name="name">Its name; th-TH counts the years from another one.</param>
    public OtherCulture(string name) => CultureInfo.CurrentCulture = new CultureInfo(name);

    public void Dispose() => CultureInfo.CurrentCulture = _before;
}
