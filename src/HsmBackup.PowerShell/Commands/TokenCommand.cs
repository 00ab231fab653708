using System.Collections;
using System.Management.Automation;
using System.Security;
using HsmBackup.Engine;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tokens;
using HsmBackup.PowerShell.Binding;
using TokenPin = HsmBackup.Engine.Protection.Pin;

namespace HsmBackup.PowerShell.Commands;

/// <summary>A cmdlet that can open a token, and the parameters that say which.</summary>
public abstract class TokenCommand : HsmCommand
{
    private protected const string LibraryHelp = "Path of the PKCS#11 library of the token.";
    private protected const string TokenLabelHelp = "Label of the token.";
    private protected const string TokenSerialHelp = "Serial number of the token, where its label is not unique.";
    private protected const string PinHelp = "User PIN of the token. It is sent once.";
    private protected const string LibraryEnvironmentHelp = "Environment variables for the library, such as SOFTHSM2_CONF.";
    private protected const string LibraryParametersHelp = "Initialisation string for NSS softoken; other libraries take none.";
    private protected const string EnableQuirkHelp = "Quirks that the token is taken to have, whatever was seen of it.";
    private protected const string DisableQuirkHelp = "Quirks that the token is taken not to have, whatever was seen of it.";

    /// <summary>Path of the PKCS#11 library of the token.</summary>
    [Parameter(HelpMessage = LibraryHelp)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(LibraryCompleter))]
    public virtual string? Library { get; set; }

    /// <summary>Label of the token.</summary>
    [Parameter(HelpMessage = TokenLabelHelp)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(TokenLabelCompleter))]
    public virtual string? TokenLabel { get; set; }

    /// <summary>Serial number of the token.</summary>
    [Parameter(HelpMessage = TokenSerialHelp)]
    [ValidateNotNullOrEmpty]
    public virtual string? TokenSerial { get; set; }

    /// <summary>User PIN of the token.</summary>
    [Parameter(HelpMessage = PinHelp)]
    [Secret]
    public virtual SecureString? Pin { get; set; }

    /// <summary>Environment variables for the library.</summary>
    [Parameter(HelpMessage = LibraryEnvironmentHelp)]
    public virtual Hashtable? LibraryEnvironment { get; set; }

    /// <summary>Initialisation string for NSS softoken.</summary>
    [Parameter(HelpMessage = LibraryParametersHelp)]
    [ValidateNotNullOrEmpty]
    public virtual string? LibraryParameters { get; set; }

    /// <summary>Quirks that the token is taken to have.</summary>
    [Parameter(HelpMessage = EnableQuirkHelp)]
    public virtual Quirks EnableQuirk { get; set; }

    /// <summary>Quirks that the token is taken not to have.</summary>
    [Parameter(HelpMessage = DisableQuirkHelp)]
    public virtual Quirks DisableQuirk { get; set; }

    /// <summary>The token that the parameters name; null where no library is given.</summary>
    /// <exception cref="HsmBackupException">
    /// InvalidArgument: a library alone does not say which token; quirks of a token that is not named, or a quirk that is both on and off.
    /// </exception>
    private protected TokenAddress? Token
    {
        get
        {
            CheckQuirks();
            if (Library is null)
            {
                return null;
            }
            if (TokenLabel is null && TokenSerial is null)
            {
                throw Errors.InvalidArgument("The library is given, but not which of its tokens.",
                    "Name the token by -TokenLabel or -TokenSerial.", Library);
            }
            return new TokenAddress(
                Location(Library, LibraryEnvironment) with { Parameters = LibraryParameters },
                TokenLabel,
                TokenSerial);
        }
    }

    /// <summary>Whether the parameters name a library at all.</summary>
    private protected virtual bool NamesLibrary => Library is not null;

    /// <summary>A library with its environment, and the quirks that its tokens are taken to have or not to have.</summary>
    private protected LibraryLocation Location(string library, Hashtable? environment) => new(Paths.Literal(library))
    {
        Environment = LibraryVariables.From(environment),
        QuirksOn = EnableQuirk,
        QuirksOff = DisableQuirk,
    };

    /// <summary>The PIN that was given; where there is none and somebody attends the session, it is asked for.</summary>
    /// <returns>Null where there is no PIN, which the engine refuses if the token needs one.</returns>
    private protected TokenPin? OpenPin(TokenAddress? token)
    {
        if (Pin is null && token is not null && Attendance.IsAttended(Host) && NeedsLogin(token))
        {
            // Kept: the next backup down the pipeline is tested on the same token.
            Pin = SecretPrompt.Ask(Host, $"PIN of token '{token}'");
        }
        return Pin is null ? null : TokenPin.FromSecureString(Pin);
    }

    private void CheckQuirks()
    {
        if ((EnableQuirk & DisableQuirk) is not Quirks.None and Quirks both)
        {
            throw Errors.InvalidArgument($"-EnableQuirk and -DisableQuirk both name {both}.", "Name each quirk once.");
        }
        if ((EnableQuirk | DisableQuirk) != Quirks.None && !NamesLibrary)
        {
            throw Errors.InvalidArgument("-EnableQuirk or -DisableQuirk is given, but no token that they could be about.",
                "Name the token by -Library and -TokenLabel, or leave the quirks out.");
        }
    }

    // Looked at before the question is asked, so that nobody types a PIN for a token that is not there.
    private static bool NeedsLogin(TokenAddress token)
    {
        using var library = Pkcs11Library.Open(token.Library);
        return library.FindToken(token.TokenLabel, token.TokenSerial).NeedsLogin;
    }
}
