using System.Diagnostics.CodeAnalysis;
using System.Security;
using System.Text.RegularExpressions;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Clusters.Definitions;

/// <summary>
/// Where a secret comes from that is never in the definition itself: <c>env:NAME</c>, <c>file:PATH</c>, <c>secret:VAULT/NAME</c> or
/// <c>prompt</c>.
/// </summary>
public abstract partial record PinSource
{
    /// <summary>The forms that there are, for messages.</summary>
    internal const string Forms = "env:NAME, file:PATH (an absolute path), secret:VAULT/NAME or prompt";

    private protected PinSource()
    {
    }

    /// <summary>Fetches the secret. The caller disposes it.</summary>
    /// <param name="asker">Who can be asked: a vault, a person.</param>
    /// <param name="subject">What it is the secret of, for questions and messages.</param>
    /// <exception cref="HsmBackupException">PinUnavailable: there is none, or it is no PIN. PinSourceRefused: it is not kept safely.</exception>
    public abstract Pin Open(PinAsker asker, string subject);

    /// <summary>Reads the text form.</summary>
    /// <returns>False for anything else, which may be a PIN and must not be repeated in any message.</returns>
    public static bool TryParse(string? text, [NotNullWhen(true)] out PinSource? source)
    {
        source = text switch
        {
            "prompt" => new PromptPin(),
            _ when Match(VariableForm(), text) is [var name] => new EnvironmentPin(name),
            _ when Match(FileForm(), text) is [var path] => new FilePin(path),
            _ when Match(SecretForm(), text) is [var vault, var name] => new SecretPin(vault, name),
            _ => null,
        };
        return source is not null;
    }

    private static string[] Match(Regex form, string? text) =>
        text is not null && form.Match(text) is { Success: true } match ? [.. match.Groups.Values.Skip(1).Select(g => g.Value)] : [];

    [GeneratedRegex(@"\Aenv:([A-Za-z_][A-Za-z0-9_]*)\z")]
    private static partial Regex VariableForm();

    // A relative path would mean another file wherever a command is run.
    [GeneratedRegex(@"\Afile:((?:/|\\\\|[A-Za-z]:[/\\])[^\p{C}]+)\z")]
    private static partial Regex FileForm();

    [GeneratedRegex(@"\Asecret:([^/\p{C}]+)/([^/\p{C}]+)\z")]
    private static partial Regex SecretForm();
}

/// <summary>Who can be asked for secrets that this library cannot fetch itself.</summary>
public sealed record PinAsker
{
    /// <summary>Asks nobody: secrets of vaults and prompts are unavailable.</summary>
    public static readonly PinAsker Nobody = new();

    /// <summary>Fetches a secret by vault and name; null where nobody can. It throws a <see cref="HsmBackupException"/> where it fails.</summary>
    public Func<SecretPin, SecureString>? Vault { get; init; }

    /// <summary>Asks a person the question that it is given; null where nobody attends. Its answer is null where nothing was typed.</summary>
    public Func<string, SecureString?>? Person { get; init; }
}

/// <summary>An environment variable of this process.</summary>
/// <param name="Variable">Its name.</param>
public sealed record EnvironmentPin(string Variable) : PinSource
{
    /// <inheritdoc/>
    public override Pin Open(PinAsker asker, string subject) => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } value
        ? Pin.FromChars(value)
        : throw new HsmBackupException(ErrorCode.PinUnavailable,
            $"The PIN of {subject} is to come from the environment variable {Variable}, which is not set or is empty.",
            "Set the variable for this process, or give the PIN with -Pin.")
        { Target = Variable };

    /// <inheritdoc/>
    public override string ToString() => $"env:{Variable}";
}

/// <summary>The first line of a file that is private to its owner.</summary>
/// <param name="Path">Its absolute path.</param>
public sealed record FilePin(string Path) : PinSource
{
    /// <inheritdoc/>
    public override Pin Open(PinAsker asker, string subject) => PinFile.Read(Path, subject);

    /// <inheritdoc/>
    public override string ToString() => $"file:{Path}";
}

/// <summary>A secret of a vault, through Microsoft.PowerShell.SecretManagement.</summary>
/// <param name="Vault">The vault.</param>
/// <param name="Name">The name of the secret in it.</param>
public sealed record SecretPin(string Vault, string Name) : PinSource
{
    /// <inheritdoc/>
    public override Pin Open(PinAsker asker, string subject)
    {
        ArgumentNullException.ThrowIfNull(asker);
        if (asker.Vault is null)
        {
            throw new HsmBackupException(ErrorCode.PinUnavailable,
                $"The PIN of {subject} is to come from the vault '{Vault}', which this program has no way to open.",
                "Give the PIN with -Pin.")
            { Target = ToString() };
        }
        using SecureString secret = asker.Vault(this);
        return Pin.FromSecureString(secret);
    }

    /// <inheritdoc/>
    public override string ToString() => $"secret:{Vault}/{Name}";
}

/// <summary>The person at the keyboard.</summary>
public sealed record PromptPin : PinSource
{
    /// <inheritdoc/>
    public override Pin Open(PinAsker asker, string subject)
    {
        ArgumentNullException.ThrowIfNull(asker);
        using SecureString? typed = asker.Person?.Invoke($"PIN of {subject}");
        return typed is null
            ? throw new HsmBackupException(ErrorCode.PinUnavailable,
                $"The PIN of {subject} is to be typed, and {(asker.Person is null ? "nobody attends this session" : "nothing was typed")}.",
                "Run the command at the keyboard, or give the PIN with -Pin.")
            { Target = subject }
            : Pin.FromSecureString(typed);
    }

    /// <inheritdoc/>
    public override string ToString() => "prompt";
}
