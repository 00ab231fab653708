using HsmBackup.Engine.Tests.Format;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Tests.Support;

/// <summary>
/// A library that stands before that of a token and fails on command (faultshim.c): on whatever thread, and for ever if it is told to
/// block.
/// </summary>
internal sealed class FaultyLibrary
{
    private const string Header = "/usr/include/p11-kit-1";
    private readonly string _library;

    /// <param name="token">The token behind it.</param>
    /// <param name="folder">Where it is compiled.</param>
    public FaultyLibrary(ITestToken token, string folder)
    {
        _library = Path.Combine(folder, $"faulty-{Guid.NewGuid():N}.so");
        File.WriteAllText(_library + ".real", token.Address.Library.Path);
        Tool.Run("gcc", ["-O1", "-shared", "-fPIC", "-Wall", "-Werror", "-fvisibility=hidden", "-I", Header, "-o", _library,
            Path.Combine(AppContext.BaseDirectory, "Support", "faultshim.c"), "-ldl"]);
        Address = token.Address with { Library = token.Address.Library with { Path = _library } };
    }

    /// <summary>The token, through this library.</summary>
    public TokenAddress Address { get; }

    /// <summary>Why it cannot be made here; null where it can.</summary>
    public static string? WhyNot() => !OperatingSystem.IsLinux() ? "The library that fails on command is for Linux."
        : ScratchToken.FindLibrary() is null ? "SoftHSM is not installed."
        : !Tool.Exists("gcc") || !Directory.Exists(Header) ? "There is no C compiler, or no header of PKCS#11, for the library that fails on command."
        : null;

    /// <summary>A CKR value in place of each call of a function, from now on.</summary>
    public void Refuse(string function, ulong returnValue) => Write($"{function} {returnValue:x}");

    /// <summary>Calls of a function do not come back, from now on.</summary>
    public void Block(string function) => Write($"{function} block");

    /// <summary>Nonsense in place of the answers of a function, from now on.</summary>
    public void Garble(string function) => Write($"{function} garbage");

    /// <summary>After some more calls a function, or all of them ("*"), returns a CKR value, or does not come back where that is null.</summary>
    public void FailAfter(int calls, string function, ulong? returnValue) =>
        Write(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{function} {(returnValue is { } rv ? $"{rv:x}" : "block")} {calls}"));

    /// <summary>
    /// What is to be wrapped by one mechanism is wrapped by another, in a library that was not loaded yet: by this, a name that a
    /// connection does not let through crosses it under one that it does.
    /// </summary>
    public void Translate(ulong mechanism, ulong other) => File.WriteAllText(_library + ".names", $"{mechanism:x} {other:x}\n");

    /// <summary>All is well again, and what blocked comes back.</summary>
    public void Heal() => File.Delete(_library + ".faults");

    // In one step: the library must not read half a line.
    private void Write(string line)
    {
        File.WriteAllText(_library + ".faults.new", line + "\n");
        File.Move(_library + ".faults.new", _library + ".faults", overwrite: true);
    }
}

/// <summary>A test, for several cases, that needs a library which fails on command.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class FaultyLibraryTheoryAttribute : Xunit.TheoryAttribute
{
    public FaultyLibraryTheoryAttribute() => Skip = FaultyLibrary.WhyNot();
}

/// <summary>A test that needs a library which fails on command.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class FaultyLibraryFactAttribute : Xunit.FactAttribute
{
    public FaultyLibraryFactAttribute() => Skip = FaultyLibrary.WhyNot();
}
