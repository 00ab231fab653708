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
    private readonly string _faults;
    private readonly TokenAddress? _address;

    /// <summary>Before the library of one token.</summary>
    /// <param name="token">The token behind it.</param>
    /// <param name="folder">Where it is compiled.</param>
    public FaultyLibrary(ITestToken token, string folder)
        : this(folder, [])
    {
        File.WriteAllText(Path + ".real", token.Address.Library.Path);
        _address = token.Address with { Library = token.Address.Library with { Path = Path } };
    }

    /// <summary>Before SoftHSM, for tokens that are made later, each of which has a copy of it: all copies heed what is said here.</summary>
    /// <param name="folder">Where it is compiled.</param>
    public FaultyLibrary(string folder)
        : this(folder, [$"-DREAL_LIBRARY=\"{ScratchToken.FindLibrary()}\"", $"-DFAULTS=\"{System.IO.Path.Combine(folder, "faults")}\""]) =>
        _faults = System.IO.Path.Combine(folder, "faults");

    private FaultyLibrary(string folder, string[] definitions)
    {
        Path = System.IO.Path.Combine(folder, $"faulty-{Guid.NewGuid():N}.so");
        _faults = Path + ".faults";
        Tool.Run("gcc", ["-O1", "-shared", "-fPIC", "-Wall", "-Werror", "-fvisibility=hidden", "-I", Header, .. definitions, "-o", Path,
            System.IO.Path.Combine(AppContext.BaseDirectory, "Support", "faultshim.c"), "-ldl"]);
    }

    /// <summary>The library.</summary>
    public string Path { get; }

    /// <summary>The token, through this library.</summary>
    public TokenAddress Address => _address ?? throw new InvalidOperationException("It stands before no token in particular.");

    /// <summary>Why it cannot be made here; null where it can.</summary>
    public static string? WhyNot() => !OperatingSystem.IsLinux() ? "The library that fails on command is for Linux."
        : ScratchToken.FindLibrary() is null ? "SoftHSM is not installed."
        : !Tool.Exists("gcc") || !Directory.Exists(Header) ? "There is no C compiler, or no header of PKCS#11, for the library that fails on command."
        : null;

    /// <summary>A CKR value in place of each call of a function, from now on.</summary>
    public void Refuse(string function, ulong returnValue) => Write($"{function} {returnValue:x}");

    /// <summary>The same, but only for the key or object with a label.</summary>
    public void RefuseFor(string label, string function, ulong returnValue) => Write($"{function} {returnValue:x} 0 {label}");

    /// <summary>Nonsense in place of what a function makes with the key that has a label: of C_Sign, a signature that is as long as it should be and wrong.</summary>
    public void GarbleFor(string label, string function) => Write($"{function} garbage 0 {label}");

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
    public void Translate(ulong mechanism, ulong other) => File.WriteAllText(Path + ".names", $"{mechanism:x} {other:x}\n");

    /// <summary>All is well again, and what blocked comes back.</summary>
    public void Heal() => File.Delete(_faults);

    // In one step: the library must not read half a line.
    private void Write(string line)
    {
        File.WriteAllText(_faults + ".new", line + "\n");
        File.Move(_faults + ".new", _faults, overwrite: true);
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
