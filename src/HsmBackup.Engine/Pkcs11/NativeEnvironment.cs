using System.Collections;
using System.Runtime.InteropServices;

namespace HsmBackup.Engine.Pkcs11;

/// <summary>
/// Carries environment variables to native code. On Unix .NET keeps a copy of the environment of its own, so a variable
/// set in PowerShell (<c>$env:SOFTHSM2_CONF = ...</c>) is never seen by a PKCS#11 library, which calls <c>getenv</c>.
/// </summary>
internal static unsafe partial class NativeEnvironment
{
    private static readonly Lock Gate = new();

    /// <summary>Makes the native environment equal to .NET's, then adds the variables given.</summary>
    /// <param name="extra">Variables of one library, or null.</param>
    public static void Apply(IReadOnlyDictionary<string, string>? extra)
    {
        lock (Gate)
        {
            if (!OperatingSystem.IsWindows())
            {
                foreach (DictionaryEntry entry in Environment.GetEnvironmentVariables())
                {
                    Set((string)entry.Key, (string?)entry.Value ?? "");
                }
            }
            foreach ((string name, string value) in extra ?? new Dictionary<string, string>())
            {
                Set(name, value);
            }
        }
    }

    private static void Set(string name, string value)
    {
        if (name.Length == 0 || name.Contains('=', StringComparison.Ordinal))
        {
            return;
        }
        if (OperatingSystem.IsWindows())
        {
            // The C runtime of a library keeps its own copy too; _putenv_s of the universal runtime changes both.
            if (_wputenv_s(name, value) != 0)
            {
                Environment.SetEnvironmentVariable(name, value);
            }
            return;
        }
        nint current = getenv(name);
        if (current == 0 || Marshal.PtrToStringUTF8(current) != value)
        {
            _ = setenv(name, value, 1);
        }
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int setenv(string name, string value, int overwrite);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint getenv(string name);

    [LibraryImport("ucrtbase", StringMarshalling = StringMarshalling.Utf16)]
    private static partial int _wputenv_s(string name, string value);
}
