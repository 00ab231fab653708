namespace HsmBackup.Engine.Format;

/// <summary>A named stream of bytes that goes into a backup beside its objects: what a vendor's own tool has saved.</summary>
public sealed class BackupAttachment
{
    private const int MaxNameLength = 128;

    /// <summary>Names the bytes.</summary>
    /// <param name="name">1 to 128 of the characters <c>A-Z a-z 0-9 . _ -</c>, not beginning with a full stop.</param>
    /// <param name="content">Read once, from where it stands to its end. It stays the caller's to close.</param>
    public BackupAttachment(string name, Stream content)
    {
        ArgumentNullException.ThrowIfNull(content);
        if (!IsValidName(name)) throw new ArgumentException($"'{name}' is not a name for an attachment.", nameof(name));
        Name = name;
        Content = content;
    }

    /// <summary>The name, unique within its backup.</summary>
    public string Name { get; }

    /// <summary>The bytes.</summary>
    public Stream Content { get; }

    /// <summary>Whether the text can name an attachment; such a name is safe as a file name.</summary>
    public static bool IsValidName(string? name) =>
        name is { Length: > 0 and <= MaxNameLength } && name[0] != '.'
        && name.All(static c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');
}
