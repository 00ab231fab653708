using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace HsmBackup.Engine.Stores;

/// <summary>
/// Names of files in stores: plain ones, which are the same file wherever they are used, and never another folder's. And the temporary
/// names that files have while they are written, which begin with a point and are never names of files.
/// </summary>
internal static partial class StoreName
{
    // Most file systems take 255 bytes, and a temporary name is longer than the name by 18.
    private const int MaxLength = 200;

    // What Windows, or the address of a WebDAV resource, would take for something else than a part of a name.
    private static readonly SearchValues<char> Separators = SearchValues.Create("/\\:*?\"<>|");

    // The names that this program gives: nothing in them needs a closer look.
    private static readonly SearchValues<char> Plain = SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

    /// <summary>Whether a file of a store can have this name. What has another name is no file of ours, and is not listed.</summary>
    public static bool IsValid([NotNullWhen(true)] string? name) => name is { Length: > 0 and <= MaxLength }
        && name[0] is not ('.' or ' ') && name[^1] is not ('.' or ' ')
        && (!name.AsSpan().ContainsAnyExcept(Plain) || IsUnusual(name));

    private static bool IsUnusual(string name) => !name.AsSpan().ContainsAny(Separators) && DisplayText.Harmless(name) == name && IsText(name);

    /// <summary>Refuses what is not the name of a file of a store.</summary>
    /// <exception cref="HsmBackupException">InvalidArgument.</exception>
    public static void Check(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (!IsValid(name))
        {
            throw new HsmBackupException(ErrorCode.InvalidArgument, $"'{name}' cannot be the name of a file in a store.",
                "Name it without a folder, in at most 200 letters, digits and ordinary characters, and not with a point at its beginning or end.")
            { Target = name };
        }
    }

    /// <summary>A name to write under that nobody else has.</summary>
    public static string Temporary(string name) => $".{name}.{RandomNumberGenerator.GetHexString(8, lowercase: true)}.partial";

    /// <summary>Whether <see cref="Temporary"/> made it.</summary>
    public static bool IsTemporary(string name) => TemporaryForm().Match(name) is { Success: true } match && IsValid(match.Groups[1].Value);

    // Half a surrogate pair, or a name that is longer in UTF-8 than a file system takes.
    private static bool IsText(string name)
    {
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetByteCount(name) <= MaxLength;
        }
        catch (EncoderFallbackException)
        {
            return false;
        }
    }

    [GeneratedRegex(@"\A\.(.+)\.[0-9a-f]{8}\.partial\z", RegexOptions.CultureInvariant)]
    private static partial Regex TemporaryForm();
}
