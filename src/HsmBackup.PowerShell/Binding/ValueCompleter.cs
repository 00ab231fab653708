using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;
using PS = System.Management.Automation.PowerShell;

namespace HsmBackup.PowerShell.Binding;

/// <summary>A value that Tab offers, and the tool tip that goes with it.</summary>
internal sealed record CompletionValue(string Text, string ToolTip);

/// <summary>
/// What the completers of the module share: they work within quotes, never throw, never ask and never log in. Where they find
/// nothing, PowerShell goes on with its own completion.
/// </summary>
public abstract class ValueCompleter : IArgumentCompleter
{
    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        char quote = wordToComplete is ['\'' or '"', ..] ? wordToComplete[0] : '\0';
        string word = wordToComplete.Trim('\'', '"');
        try
        {
            return [.. Find(fakeBoundParameters)
                .Where(value => IsMatch(value.Text, word))
                .Select(value => new CompletionResult(
                    Quoted(value.Text, quote), value.Text, CompletionResultType.ParameterValue, value.ToolTip))];
        }
#pragma warning disable CA1031 // A completer that throws would only take the Tab key away: a library may fail in any way.
        catch (Exception)
#pragma warning restore CA1031
        {
            return [];
        }
    }

    /// <summary>All values that there are.</summary>
    /// <param name="boundParameters">The other parameters on the line, as far as they are constants.</param>
    private protected abstract IEnumerable<CompletionValue> Find(IDictionary boundParameters);

    /// <summary>Whether a value fits what was typed so far.</summary>
    private protected virtual bool IsMatch(string value, string word) =>
        value.StartsWith(word, StringComparison.OrdinalIgnoreCase);

    /// <summary>The paths of the session in which Tab was pressed.</summary>
    private protected static SessionPaths SessionPaths()
    {
        using PS shell = PS.Create(RunspaceMode.CurrentRunspace);
        shell.AddCommand("Get-Variable").AddParameter("Name", "ExecutionContext").AddParameter("ValueOnly");
        return new SessionPaths(((EngineIntrinsics)shell.Invoke()[0].BaseObject).SessionState.Path);
    }

    private static string Quoted(string text, char quote) => quote switch
    {
        '"' => $"\"{text.Replace("`", "``").Replace("$", "`$").Replace("\"", "`\"")}\"",
        '\'' => $"'{CodeGeneration.EscapeSingleQuotedStringContent(text)}'",
        _ => text.All(IsPlain) ? text : Quoted(text, '\''),
    };

    // Characters that PowerShell takes as they are in an argument without quotes.
    private static bool IsPlain(char c) => char.IsLetterOrDigit(c) || c is '/' or '\\' or '.' or '_' or '-' or ':' or '+';
}
