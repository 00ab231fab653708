using System.Management.Automation.Host;
using System.Security;
using HsmBackup.Engine;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using TokenPin = HsmBackup.Engine.Protection.Pin;

namespace HsmBackup.PowerShell.Binding;

/// <summary>
/// Gets PINs: from a parameter, from the source that the definition of a node names, or from the person who attends the session. What a
/// person types is typed once, however often it is needed.
/// </summary>
/// <param name="host">The session's host.</param>
internal sealed class PinReader(PSHost host) : IDisposable
{
    private const string OfficerQuestion = "PIN of the security officer for the tokens that are initialised";

    private readonly Dictionary<string, SecureString> _typed = new(StringComparer.Ordinal);

    /// <summary>Whom the source of a PIN may ask. A question that nobody answers is an error of the source, and not asked again.</summary>
    public PinAsker Asker => new() { Vault = SecretVault.Get, Person = Attendance.IsAttended(host) ? Ask : null };

    /// <summary>The PIN of a node, which the caller disposes; null where there is none.</summary>
    /// <param name="node">The node.</param>
    /// <param name="given">The PIN of all nodes, as a parameter; null where it was not given.</param>
    /// <param name="subject">What people call it, if not by its name alone.</param>
    /// <exception cref="HsmBackupException">PinUnavailable, PinSourceRefused.</exception>
    public TokenPin? Open(ClusterNode node, SecureString? given, string? subject = null)
    {
        subject ??= $"node '{node.Name}'";
        if (given is not null)
        {
            return TokenPin.FromSecureString(given);
        }
        if (node.Pin is { } source)
        {
            return source.Open(Asker, subject);
        }
        using SecureString? typed = Ask(QuestionFor(subject));
        return typed is null ? null : TokenPin.FromSecureString(typed);
    }

    /// <summary>As <see cref="Open"/>, for work that is of no use without it.</summary>
    /// <param name="node">The node.</param>
    /// <param name="given">The PIN of all nodes, as a parameter; null where it was not given.</param>
    /// <param name="nextStep">What to do where there is none.</param>
    /// <param name="subject">What people call it, if not by its name alone.</param>
    /// <exception cref="HsmBackupException">PinRequired, PinUnavailable, PinSourceRefused.</exception>
    public TokenPin Require(ClusterNode node, SecureString? given, string nextStep, string? subject = null) => Open(node, given, subject)
        ?? throw new HsmBackupException(ErrorCode.PinRequired,
            $"The PIN of {subject ?? $"node '{node.Name}'"} was not given, and its definition names no source for it.", nextStep)
        { Target = node.Name };

    /// <summary>Asks the person at the keyboard.</summary>
    /// <returns>A copy that the caller disposes; null where nobody attends the session, or nothing was typed.</returns>
    public SecureString? Ask(string question)
    {
        if (!_typed.TryGetValue(question, out SecureString? typed))
        {
            typed = SecretPrompt.Ask(host, question);
            if (typed is not null)
            {
                _typed.Add(question, typed);
            }
        }
        return typed?.Copy();
    }

    /// <summary>
    /// The PIN of the security officer, for tokens that are initialised. The user PINs that those get are typed once more first, where they
    /// were typed.
    /// </summary>
    /// <param name="given">The officer's PIN, as a parameter; null where it was not given.</param>
    /// <param name="subjects">What people call the tokens, as the questions for their user PINs did.</param>
    /// <exception cref="HsmBackupException">PinRequired; InvalidArgument: two answers differ.</exception>
    public TokenPin RequireOfficer(SecureString? given, IEnumerable<string> subjects)
    {
        foreach (string subject in subjects)
        {
            Repeat(QuestionFor(subject));
        }
        if (given is not null)
        {
            return TokenPin.FromSecureString(given);
        }
        using SecureString? typed = Ask(OfficerQuestion);
        Repeat(OfficerQuestion);
        return typed is not null ? TokenPin.FromSecureString(typed) : throw new HsmBackupException(ErrorCode.PinRequired,
            "Tokens are to be initialised, and there is no PIN of a security officer. Nothing was touched.", "Give it with -SoPin, as a SecureString.");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (SecureString typed in _typed.Values)
        {
            typed.Dispose();
        }
        _typed.Clear();
    }

    private static string QuestionFor(string subject) => $"PIN of {subject}";

    /// <summary>Has a PIN that was typed typed again: one that a token is given has nothing else to be compared with.</summary>
    /// <param name="question">The question that it was the answer to.</param>
    /// <exception cref="HsmBackupException">InvalidArgument: they differ.</exception>
    private void Repeat(string question)
    {
        if (!_typed.TryGetValue(question, out SecureString? first))
        {
            return;
        }
        using SecureString? again = SecretPrompt.Ask(host, $"{question}, once more");
        using TokenPin one = TokenPin.FromSecureString(first);
        using TokenPin other = again is null ? TokenPin.FromChars([]) : TokenPin.FromSecureString(again);
        if (!one.Bytes.SequenceEqual(other.Bytes))
        {
            throw Errors.InvalidArgument($"{question}: the two answers differ. Nothing was touched.", "Run the command again.");
        }
    }
}
