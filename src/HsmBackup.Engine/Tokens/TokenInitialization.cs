using System.Globalization;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Tokens;

/// <summary>How much of the initialisation of a token is to be done, or was.</summary>
public enum InitializationStep
{
    /// <summary>Nothing: the token is initialised and has a user PIN, whichever that is.</summary>
    None,

    /// <summary>The user PIN only: somebody was cut off between C_InitToken and C_InitPIN.</summary>
    UserPin,

    /// <summary>All of it: the token is blank.</summary>
    Whole,
}

/// <summary>A token with what its initialisation needs, or needed.</summary>
/// <param name="Step">What is to be done, or was.</param>
/// <param name="Token">The token: before, where it was only looked at, else afterwards.</param>
/// <param name="Address">
/// Where to find it from now on. It differs from the address that was asked for where that has a serial number and the token another: a
/// device that was replaced, or a soft token, which gets a new number each time.
/// </param>
public sealed record InitializedToken(InitializationStep Step, TokenInfo Token, TokenAddress Address);

/// <summary>
/// Makes blank tokens usable: label, PIN of the security officer, user PIN. Only a token that says itself that it is not initialised is
/// ever initialised, so that nothing is lost by it, and no PIN is sent again that was refused.
/// </summary>
public static class TokenInitialization
{
    /// <summary>Finds the token that <see cref="Initialize"/> would choose, and what it needs. Nothing is changed and nobody logs in.</summary>
    /// <param name="address">Which token, as for <see cref="Initialize"/>.</param>
    /// <param name="spokenFor">Serial numbers of tokens that are others'.</param>
    /// <exception cref="HsmBackupException">TokenNotFound, TokenAmbiguous, TokenMismatch; LibraryNotFound, LibraryLoadFailed.</exception>
    public static InitializedToken Look(TokenAddress address, IReadOnlyCollection<string>? spokenFor = null)
    {
        ArgumentNullException.ThrowIfNull(address);
        using Pkcs11Library library = Pkcs11Library.Open(address.Library);
        TokenInfo token = BlankTokens.Choose(library.GetTokens(), address, spokenFor ?? []);
        return Outcome(StepFor(token), token, address);
    }

    /// <summary>
    /// Initialises a blank token. The one with the serial number of the address, if it has one and the token is there; else the one of its
    /// label; else the only blank one that the library shows. A token that is initialised is left alone, except that a missing user PIN is set.
    /// </summary>
    /// <param name="address">Which token. A blank one gets its label.</param>
    /// <param name="soPin">PIN of the security officer: for a blank token the factory's, where it has one, else a new one.</param>
    /// <param name="userPin">The user PIN that it gets.</param>
    /// <param name="spokenFor">Serial numbers of tokens that are others', such as the other nodes of a cluster.</param>
    /// <param name="cancellationToken">Ends the wait for others, and is looked at before the first change.</param>
    /// <returns>The token, ready for its user.</returns>
    /// <exception cref="HsmBackupException">TokenNotFound, TokenAmbiguous, TokenMismatch, InvalidArgument: nothing was changed.
    /// PinIncorrect, PinLocked: of the security officer. TokenError; Busy.</exception>
    public static InitializedToken Initialize(
        TokenAddress address, Pin soPin, Pin userPin, IReadOnlyCollection<string>? spokenFor, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(address);
        ArgumentNullException.ThrowIfNull(soPin);
        ArgumentNullException.ThrowIfNull(userPin);
        using Pkcs11Library library = Pkcs11Library.Open(address.Library);
        SemaphoreSlim turn = library.Owner.InitializationGate;
        turn.Wait(cancellationToken);
        try
        {
            TokenInfo token = BlankTokens.Choose(library.GetTokens(), address, spokenFor ?? []);
            InitializationStep step = StepFor(token);
            if (step == InitializationStep.None)
            {
                return Outcome(step, token, address);
            }
            CheckPins(token, userPin);
            bool hasNoOfficer = KnownQuirks.Of(library.GetInfo(), address.Library).HasFlag(Quirks.SecurityOfficerHasNoPin);
            cancellationToken.ThrowIfCancellationRequested();
            if (step == InitializationStep.Whole)
            {
                token = hasNoOfficer ? WithFixedLabel(token, address) : InitToken(library, token, LabelFor(token, address), soPin);
            }
            SetUserPin(library, token, hasNoOfficer ? [] : soPin.Bytes, userPin, cancellationToken);
            ulong rv = library.TryGetToken(token.SlotId, out TokenInfo? ready);
            return rv == Ckr.Ok && ready!.IsInitialized && ready.HasUserPin ? Outcome(step, ready, address) : throw new HsmBackupException(ErrorCode.TokenError,
                $"The token '{token.Label}' took its user PIN and does not show it (C_GetTokenInfo: {Names.OfReturnValue(rv)}).",
                "Look at the token with the vendor's tool, then run the command again: what is done already is passed over.")
            { Target = token.Label };
        }
        finally
        {
            turn.Release();
        }
    }

    private static InitializedToken Outcome(InitializationStep step, TokenInfo token, TokenAddress address) => new(step, token,
        address.TokenSerial is null ? address : address with { TokenSerial = token.SerialNumber.Length > 0 ? token.SerialNumber : null });

    private static InitializationStep StepFor(TokenInfo token) =>
        !token.IsInitialized ? InitializationStep.Whole : !token.HasUserPin ? InitializationStep.UserPin : InitializationStep.None;

    /// <summary>Looked at first: a token that has its label and refuses the user PIN is neither blank nor of use.</summary>
    private static void CheckPins(TokenInfo token, Pin userPin)
    {
        int length = userPin.Bytes.Length;
        if (length < token.MinPinLength || (token.MaxPinLength > 0 && length > token.MaxPinLength))
        {
            throw new HsmBackupException(ErrorCode.InvalidArgument, string.Create(CultureInfo.InvariantCulture,
                $"The token takes user PINs of {token.MinPinLength} to {token.MaxPinLength} bytes, and the one given is not. Nothing was touched."),
                "Choose another user PIN.")
            { Target = token.Label };
        }
        // A blank token has no such PIN, and may call that locked (SoftHSM).
        if (token.IsInitialized && (token.IsSoPinLocked || token.IsSoPinFinalTry))
        {
            throw new HsmBackupException(ErrorCode.PinLocked,
                $"The PIN of the security officer of the token in slot {token.SlotId} is {(token.IsSoPinLocked ? "locked" : "locked after one more wrong try")}. It was not sent.",
                "Put the token right with the vendor's tool first.")
            { Target = token.Label };
        }
    }

    private static string LabelFor(TokenInfo token, TokenAddress address) => address.TokenLabel ?? throw new HsmBackupException(ErrorCode.InvalidArgument,
        $"The blank token with serial number '{token.SerialNumber}' needs a label, and it is named by its serial number alone. Nothing was touched.",
        "Name the label too: tokenLabel in the definition of the cluster.")
    { Target = address.TokenSerial };

    private static TokenInfo WithFixedLabel(TokenInfo token, TokenAddress address) => address.TokenLabel is null || token.Label == address.TokenLabel
        ? token
        : throw new HsmBackupException(ErrorCode.TokenMismatch,
            $"The blank token is called '{token.Label}', not '{address.TokenLabel}', and tokens of its kind cannot be given a label. Nothing was touched.",
            "The label of an NSS token is the tokenDescription in the library's parameters: put these, or the definition, right.")
        { Target = address.TokenLabel };

    private static TokenInfo InitToken(Pkcs11Library library, TokenInfo blank, string label, Pin soPin)
    {
        // As late as can be: from here on a token that is not blank any more would be wiped.
        if (library.TryGetToken(blank.SlotId, out TokenInfo? now) != Ckr.Ok || now!.IsInitialized || now.SerialNumber != blank.SerialNumber)
        {
            throw new HsmBackupException(ErrorCode.Busy, $"The blank token in slot {blank.SlotId} changed while it was looked at. Nothing was touched.",
                "Make sure that nobody else initialises tokens, then run the command again.")
            { Target = label };
        }
        HashSet<(string, string)> before = [.. library.GetTokens().Where(t => t.IsInitialized).Select(t => (t.SerialNumber, t.Label))];
        ulong rv = library.TryInitToken(blank.SlotId, label, soPin.Bytes);
        if (rv != Ckr.Ok)
        {
            throw OfficerRefused($"the token in slot {blank.SlotId}", label, "C_InitToken", rv);
        }
        // Some libraries move a token to another slot when they initialise it.
        return library.TryGetToken(blank.SlotId, out TokenInfo? same) == Ckr.Ok && same!.IsInitialized && same.Label == label ? same
            : library.GetTokens().Where(t => t.IsInitialized && t.Label == label && !before.Contains((t.SerialNumber, t.Label))).ToList() is [TokenInfo moved] ? moved
            : throw new HsmBackupException(ErrorCode.TokenError,
                $"The token in slot {blank.SlotId} was initialised, and the library shows no new token '{label}'.",
                "Run the command again, in a new process if need be: a token that lacks only its user PIN is finished.")
            { Target = label };
    }

    private static void SetUserPin(Pkcs11Library library, TokenInfo token, ReadOnlySpan<byte> soPin, Pin userPin, CancellationToken cancellationToken)
    {
        SemaphoreSlim gate = library.Owner.GateOf(token.SlotId);
        gate.Wait(cancellationToken);
        try
        {
            using Pkcs11Session session = library.OpenSession(token.SlotId, readWrite: true);
            ulong rv = session.TryLogin(Cku.So, soPin);
            if (rv != Ckr.Ok)
            {
                throw OfficerRefused($"token '{token.Label}'", token.Label, "C_Login", rv);
            }
            try
            {
                rv = session.TryInitPin(userPin.Bytes);
            }
            finally
            {
                session.Logout();
            }
            if (rv != Ckr.Ok)
            {
                throw new HsmBackupException(rv is Ckr.PinIncorrect or Ckr.PinInvalid or Ckr.PinLenRange or Ckr.PinTooWeak ? ErrorCode.InvalidArgument : ErrorCode.TokenError,
                    $"The token '{token.Label}' has its label and no user PIN yet: C_InitPIN returned {Names.OfReturnValue(rv)}.",
                    "Choose a user PIN that the token's policy allows, then run the command again: the token is finished with the same PIN of the security officer.",
                    new Pkcs11Exception("C_InitPIN", rv))
                { Target = token.Label };
            }
        }
        finally
        {
            gate.Release();
        }
    }

    private static HsmBackupException OfficerRefused(string token, string label, string function, ulong rv) => rv switch
    {
        Ckr.PinIncorrect or Ckr.PinInvalid or Ckr.PinLenRange => new HsmBackupException(ErrorCode.PinIncorrect,
            $"The PIN of the security officer is wrong for {token} ({function} returned {Names.OfReturnValue(rv)}). It was sent once and not tried again.",
            "Check the PIN before the next try: many tokens lock for ever after a few wrong ones. A new HSM has a PIN of its factory.",
            new Pkcs11Exception(function, rv))
        { Target = label },
        Ckr.PinLocked => new HsmBackupException(ErrorCode.PinLocked, $"The PIN of the security officer of {token} is locked.",
            "Put the token back to the state of its factory with the vendor's tool.", new Pkcs11Exception(function, rv))
        { Target = label },
        _ => new HsmBackupException(ErrorCode.TokenError, $"Initialising {token} failed: {function} returned {Names.OfReturnValue(rv)}.",
            "Look the code up in the documentation of the HSM; some are initialised with the vendor's tool only.", new Pkcs11Exception(function, rv))
        { Target = label },
    };
}
