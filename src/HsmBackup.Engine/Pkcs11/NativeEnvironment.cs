using System.Collections;
using System.Runtime.InteropServices;

namespace HsmBackup.Engine.Pkcs11;

/// <summary>
/// Carries environment variables to native code. On Unix .NET keeps a copy of the environment of its own, so a variable
/// set in PowerShell (<c>$env:SOFTHSM2_CONF = ...</c>) is never seen by a PKCS#11 library, which calls <c>getenv</c>.
/// </summary>
internal static unsafe partial class NativeEnvironment
{
    // A library that has not started after that time is not waited for: it may block for ever, and others want another environment.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private static readonly object Gate = new();

    // Names that the native environment has, or has with this value, because of us. Process-wide like the environment itself.
    private static readonly HashSet<string> OfOurs = new(StringComparer.Ordinal);

    private static Dictionary<string, string> s_applied = [];
    private static List<EnvironmentHold> s_holders = [];
    private static long s_appliedAt;

    /// <summary>
    /// Makes the native environment equal to .NET's, with the variables given in addition, and keeps it so until it is let go. What an
    /// earlier call set, and neither asks for now, is unset: the configuration of one library must never lead the next call to another
    /// token. Libraries that want the same environment may start at the same time; the others wait.
    /// </summary>
    /// <param name="extra">Variables of one library, or null.</param>
    /// <param name="patiently">True to wait for others however long they take; false to take the environment from under a library that
    /// does not come to an end, which sees that by <see cref="EnvironmentHold.IsLost"/>.</param>
    /// <exception cref="HsmBackupException">Busy: a library that wants another environment blocks while it starts.</exception>
    public static EnvironmentHold Hold(IReadOnlyDictionary<string, string>? extra, bool patiently)
    {
        Dictionary<string, string> wanted = Wanted(extra);
        long started = TimeProvider.System.GetTimestamp();
        lock (Gate)
        {
            while (s_holders.Count > 0 && !Same(s_applied, wanted))
            {
                // Each library has that time for itself. The tokens of several may take longer together, one after the other, and a library
                // that is robbed of its environment has to start again.
                TimeSpan left = patiently ? Patience - TimeProvider.System.GetElapsedTime(started)
                    : Grace - TimeProvider.System.GetElapsedTime(Math.Max(started, s_appliedAt));
                if (left > TimeSpan.Zero && Monitor.Wait(Gate, left))
                {
                    continue;
                }
                if (patiently)
                {
                    throw new HsmBackupException(ErrorCode.Busy,
                        "Another PKCS#11 library is starting with other environment variables, and does not come to an end.",
                        "Use a process of its own for the library that blocks.");
                }
                s_holders.ForEach(h => h.IsLost = true);
                s_holders = [];
            }
            if (s_holders.Count == 0)
            {
                Apply(wanted);
                s_applied = wanted;
                s_appliedAt = TimeProvider.System.GetTimestamp();
            }
            var hold = new EnvironmentHold();
            s_holders.Add(hold);
            return hold;
        }
    }

    private static void LetGo(EnvironmentHold hold)
    {
        lock (Gate)
        {
            s_holders.Remove(hold);
            Monitor.PulseAll(Gate);
        }
    }

    private static Dictionary<string, string> Wanted(IReadOnlyDictionary<string, string>? extra)
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
        return wanted;
    }

    private static bool Same(Dictionary<string, string> one, Dictionary<string, string> other) =>
        one.Count == other.Count && one.All(v => other.TryGetValue(v.Key, out string? value) && value == v.Value);

    private static void Apply(Dictionary<string, string> wanted)
    {
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

    /// <summary>The environment while a library loads and starts.</summary>
    internal sealed class EnvironmentHold : IDisposable
    {
        /// <summary>True once another library has got another environment: what this one has read since may be the other's.</summary>
        public bool IsLost { get; set; }

        /// <summary>Lets go.</summary>
        public void Dispose() => LetGo(this);
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
