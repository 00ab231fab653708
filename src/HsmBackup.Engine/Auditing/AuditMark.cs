using System.Text;
using System.Text.Json;
using HsmBackup.Engine.Format;

namespace HsmBackup.Engine.Auditing;

/// <summary>
/// The file <c>head.json</c> beside the log. Who has it open for himself alone may write the log; the lock dies with the process. It
/// says how far the log was, so that a log which has become shorter is noticed.
/// </summary>
internal sealed class AuditMark : IDisposable
{
    /// <summary>Its name.</summary>
    public const string FileName = "head.json";

    // It is written in its place, by one call and at one length: nothing of it can be lost on a full disk, or by a kill.
    private const int Length = 192;
    private static readonly TimeSpan LongestNap = TimeSpan.FromMilliseconds(15);

    private readonly FileStream _file;

    private AuditMark(FileStream file) => _file = file;

    /// <summary>Waits until nobody else writes the log.</summary>
    /// <exception cref="HsmBackupException">Busy: somebody did not come to an end.</exception>
    public static AuditMark Lock(string folder, TimeSpan patience, CancellationToken cancellationToken)
    {
        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.None, BufferSize = 0 };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }
        string path = Path.Combine(folder, FileName);
        long until = Environment.TickCount64 + (long)patience.TotalMilliseconds;
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                return new AuditMark(new FileStream(path, options));
            }
            catch (IOException e) when (FileErrors.MeansInUse(e))
            {
                if (Environment.TickCount64 >= until)
                {
                    throw new HsmBackupException(ErrorCode.Busy, $"Another process has held the audit log for too long (it holds '{path}').",
                        "Find the process and end it, then run the command again.", e)
                    { Target = path };
                }
                // Not in step with the others who wait.
                Thread.Sleep(Random.Shared.Next(1, (int)LongestNap.TotalMilliseconds));
            }
        }
    }

    /// <summary>What it says; null where it says nothing that can be understood.</summary>
    public AuditHead? Read()
    {
        byte[] bytes = new byte[Length];
        int read = RandomAccess.Read(_file.SafeFileHandle, bytes, 0);
        return Parse(bytes.AsMemory(0, read));
    }

    /// <summary>What the mark of a log says, without a lock; null where there is none, or none that can be read.</summary>
    public static AuditHead? Peek(string folder)
    {
        try
        {
            return Parse(File.ReadAllBytes(Path.Combine(folder, FileName)));
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            return null;
        }
    }

    /// <summary>The same, of a log that is not written meanwhile.</summary>
    public static AuditHead? Parse(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(bytes);
            StrictJson json = new(document.RootElement, "head");
            return new AuditHead(json.String("log"), json.LongInteger("entries"), json.String("head"));
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>Says how far the log is now. What it says needs no flush: the entries were flushed, and being behind is allowed.</summary>
    public void Write(AuditHead head)
    {
        string text = $$"""{"log":"{{head.Log}}","entries":{{head.Entries}},"head":"{{head.Head}}"}""";
        RandomAccess.Write(_file.SafeFileHandle, Encoding.ASCII.GetBytes(text.PadRight(Length - 1) + "\n"), 0);
    }

    public void Dispose() => _file.Dispose();
}
