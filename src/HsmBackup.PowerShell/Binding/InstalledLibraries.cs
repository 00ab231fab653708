namespace HsmBackup.PowerShell.Binding;

/// <summary>Finds the PKCS#11 libraries that are installed in the usual places, or that p11-kit has been told of.</summary>
internal static class InstalledLibraries
{
    // A folder of a distribution's own processor architecture stands where it says {lib}.
    private static readonly string[] UnixPlaces =
    [
        "{lib}/softhsm/libsofthsm2.so",
        "{lib}/pkcs11/*.so",
        "{lib}/libykcs11.so",
        "{lib}/libtpm2_pkcs11.so",
        "{lib}/libsoftokn3.so",
        "{lib}/libcs_pkcs11*.so",
        "{lib}/p11-kit-proxy.so",
        "/usr/safenet/lunaclient/lib/libCryptoki2_64.so",
        "/opt/safenet/lunaclient/lib/libCryptoki2_64.so",
        "/opt/nfast/toolkits/pkcs11/libcknfast.so",
        "/opt/cloudhsm/lib/libcloudhsm_pkcs11.so",
        "/opt/utimaco/lib/libcs_pkcs11*.so",
        "/Library/OpenSC/lib/opensc-pkcs11.so",
    ];

    private static readonly string[] UnixLibraryFolders =
    [
        "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64", "/opt/homebrew/lib", "/opt/local/lib",
    ];

    private static readonly string[] WindowsPlaces =
    [
        @"%SystemDrive%\SoftHSM2\lib\softhsm2-x64.dll",
        @"%ProgramFiles%\SoftHSM2\lib\softhsm2-x64.dll",
        @"%ProgramFiles%\SafeNet\LunaClient\cryptoki.dll",
        @"%ProgramFiles%\nCipher\nfast\toolkits\pkcs11\cknfast.dll",
        @"%ProgramFiles%\Amazon\CloudHSM\lib\cloudhsm_pkcs11.dll",
        @"%ProgramFiles%\Utimaco\CryptoServer\Lib\cs_pkcs11*.dll",
        @"%ProgramFiles%\OpenSC Project\OpenSC\pkcs11\opensc-pkcs11.dll",
        @"%ProgramFiles%\Yubico\Yubico PIV Tool\bin\libykcs11.dll",
        @"%ProgramFiles%\YubiHSM Shell\bin\pkcs11\yubihsm_pkcs11.dll",
    ];

    /// <summary>Every library found, each once, whatever links lead to it.</summary>
    public static IEnumerable<string> Find() => (OperatingSystem.IsWindows() ? OnWindows() : OnUnix())
        .DistinctBy(path => File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path)
        .Order(StringComparer.Ordinal);

    private static IEnumerable<string> OnWindows() =>
        WindowsPlaces.Select(Environment.ExpandEnvironmentVariables).SelectMany(Files);

    private static IEnumerable<string> OnUnix()
    {
        string[] folders = [.. UnixLibraryFolders.SelectMany(WithArchitectures)];
        IEnumerable<string> usual = UnixPlaces.SelectMany(place => place.StartsWith("{lib}", StringComparison.Ordinal)
            ? folders.Select(folder => place.Replace("{lib}", folder))
            : [place]);
        return usual.SelectMany(Files).Concat(KnownToP11Kit(folders));
    }

    // Debian: /usr/lib and /usr/lib/x86_64-linux-gnu.
    private static IEnumerable<string> WithArchitectures(string folder) => Directory.Exists(folder)
        ? Directory.EnumerateDirectories(folder, "*-linux-gnu*").Prepend(folder)
        : [];

    private static IEnumerable<string> Files(string place)
    {
        string folder = Path.GetDirectoryName(place)!;
        return Directory.Exists(folder) ? Directory.EnumerateFiles(folder, Path.GetFileName(place)) : [];
    }

    /// <summary>What the module files of p11-kit name ("module:", pkcs11.conf); a bare name is in its own folder.</summary>
    private static IEnumerable<string> KnownToP11Kit(string[] folders)
    {
        string own = Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".config/pkcs11/modules");
        string[] configurations = ["/usr/share/p11-kit/modules", "/etc/pkcs11/modules", own];
        return configurations
            .SelectMany(folder => Files(Path.Combine(folder, "*.module")))
            .SelectMany(File.ReadLines)
            .Select(line => line.Split(':', 2, StringSplitOptions.TrimEntries))
            .Where(parts => parts is ["module", { Length: > 0 }])
            .SelectMany(parts => folders.Select(folder => Path.Combine(folder, "pkcs11", parts[1])))
            .Where(File.Exists);
    }
}
