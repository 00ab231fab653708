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

    // Names that the native environment has, or has with this value, because of us. Process-wide like the environment itself.
    private static readonly HashSet<string> OfOurs = new(StringComparer.Ordinal);

    /// <summary>
    /// Makes the native environment equal to .NET's, with the variables given in addition. What an earlier call set, and neither asks for
    /// now, is unset: the configuration of one library must never lead the next call to another token.
    /// </summary>
    /// <param name="extra">Variables of one library, or null.</param>
    public static void Apply(IReadOnlyDictionary<string, string>? extra)
    {
        lock (Gate)
        {
            var wanted = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (DictionaryEntry entry in Environment.GetEnvironmentVariables())
            {
                wanted[(string)entry.Key] = (string?)entry.Value ?? "";
            }
            foreach ((string name, string value) in extra ?? new Dictionary<string, string>())
            {
                wanted[name] = value;
            }
            foreach (string name in OfOurs.Where(n => !wanted.ContainsKey(n)).ToList())
            {
                Unset(name);
                OfOurs.Remove(name);
            }
            foreach ((string name, string value) in wanted)
            {
                if (Set(name, value))
                {
                    OfOurs.Add(name);
                }
            }
        }
    }

    /// <returns>True where the variable was not there, or had another value.</returns>
    private static bool Set(string name, string value)
    {
        if (name.Length == 0 || name.Contains('=', StringComparison.Ordinal))
        {
            return false;
        }
        if (OperatingSystem.IsWindows())
        {
            // The C runtime keeps a copy of the environment; _wputenv_s changes the process's own too.
            bool changed = Environment.GetEnvironmentVariable(name) != value;
            return _wputenv_s(name, value) == 0 && changed;
        }
        nint current = getenv(name);
        return (current == 0 || Marshal.PtrToStringUTF8(current) != value) && setenv(name, value, 1) == 0;
    }

    private static void Unset(string name) => _ = OperatingSystem.IsWindows() ? _wputenv_s(name, "") : unsetenv(name);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int setenv(string name, string value, int overwrite);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int unsetenv(string name);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint getenv(string name);

    [LibraryImport("ucrtbase", StringMarshalling = StringMarshalling.Utf16)]
    private static partial int _wputenv_s(string name, string value);
}
