using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Tokens;

/// <summary>
/// A token that is open, logged in and ours alone within this process. The PIN is sent once; whatever the answer, it is
/// not sent again. Belongs to one thread.
/// </summary>
public sealed class TokenConnection : IDisposable
{
    private readonly Pkcs11Library _library;
    private readonly SemaphoreSlim _gate;
    private TokenCapabilities? _capabilities;
    private bool _loggedIn;
    private bool _disposed;

    private TokenConnection(Pkcs11Library library, TokenAddress address, TokenInfo token, Pkcs11Session session, SemaphoreSlim gate)
    {
        _library = library;
        _gate = gate;
        Address = address;
        Token = token;
        Session = session;
    }

    /// <summary>What was asked for.</summary>
    public TokenAddress Address { get; }

    /// <summary>What the token says of itself.</summary>
    public TokenInfo Token { get; }

    /// <summary>The session.</summary>
    public Pkcs11Session Session { get; }

    /// <summary>What the token was seen to do; probed when first asked for.</summary>
    public TokenCapabilities Capabilities => _capabilities ??= CapabilityProbe.Run(Session, _library.GetInfo())
        .Switch(Address.Library.QuirksOn, Address.Library.QuirksOff);

    /// <summary>The library.</summary>
    public Pkcs11Library Library => _library;

    /// <summary>Handles of proven cluster keys: what binds a cluster together is not what it holds.</summary>
    internal HashSet<ulong> Infrastructure { get; } = [];

    /// <summary>Handles of what the token holds for its users: all of its objects less the cluster keys that were proven here.</summary>
    /// <remarks>No backup, comparison or restore sees those.</remarks>
    public List<ulong> FindContent()
    {
        List<ulong> handles = Session.FindTokenObjects();
        handles.RemoveAll(Infrastructure.Contains);
        return handles;
    }

    /// <summary>Opens a token and logs in as its user.</summary>
    /// <param name="address">Which token.</param>
    /// <param name="pin">The user PIN; null only for a token that needs no login.</param>
    /// <param name="readWrite">True to be able to write.</param>
    /// <param name="cancellationToken">Ends the wait for another operation of this process on the same token.</param>
    /// <exception cref="HsmBackupException">LibraryNotFound, LibraryLoadFailed, TokenNotFound, TokenAmbiguous,
    /// TokenNotInitialized, PinRequired, PinIncorrect, PinLocked, TokenError.</exception>
    public static TokenConnection Open(TokenAddress address, Pin? pin, bool readWrite, CancellationToken cancellationToken)
    {
        Pkcs11Library library = Pkcs11Library.Open(address.Library);
        SemaphoreSlim? gate = null;
        Pkcs11Session? session = null;
        bool entered = false;
        try
        {
            TokenInfo token = library.FindToken(address.TokenLabel, address.TokenSerial);
            CheckUsable(token, pin);
            gate = library.Owner.GateOf(token.SlotId);
            gate.Wait(cancellationToken);
            entered = true;
            session = library.OpenSession(token.SlotId, readWrite);
            var connection = new TokenConnection(library, address, token, session, gate);
            if (pin is not null)
            {
                connection.Login(pin);
            }
            return connection;
        }
        catch
        {
            session?.Dispose();
            if (entered)
            {
                gate!.Release();
            }
            library.Dispose();
            throw;
        }
    }

    /// <summary>Makes sure that the token is still there and still the same; some tokens show an empty list of objects when they are not.</summary>
    /// <exception cref="HsmBackupException">TokenError.</exception>
    public void CheckPresent()
    {
        ulong rv = _library.TryGetToken(Token.SlotId, out TokenInfo? now);
        if (rv != Ckr.Ok || now!.SerialNumber != Token.SerialNumber || now.Label != Token.Label)
        {
            string what = rv != Ckr.Ok ? $"C_GetTokenInfo returned {Names.OfReturnValue(rv)}" : "another token is in its slot";
            throw new HsmBackupException(ErrorCode.TokenError, $"The token '{Token.Label}' went away during the operation: {what}.",
                "Check the HSM and its connection, then run the command again.")
            { Target = Token.Label };
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }
        _disposed = true;
        try
        {
            if (_loggedIn)
            {
                Session.Logout();
            }
        }
        catch (Pkcs11Exception)
        {
            // The token went away; there is nothing left to log out of.
        }
        Session.Dispose();
        _gate.Release();
        _library.Dispose();
    }

    /// <summary>The error of a token that is blank, or has no user PIN.</summary>
    internal static HsmBackupException NotInitialized(TokenInfo token) => new(ErrorCode.TokenNotInitialized,
        token.IsInitialized ? $"The token '{token.Label}' has no user PIN yet." : $"The token in slot {token.SlotId} is not initialised.",
        "Initialise the token and set its user PIN first, with the vendor's tool or softhsm2-util.")
    { Target = token.Label };

    private static void CheckUsable(TokenInfo token, Pin? pin)
    {
        if (!token.IsInitialized || !token.HasUserPin)
        {
            throw NotInitialized(token);
        }
        if (pin is null && token.NeedsLogin)
        {
            throw new HsmBackupException(ErrorCode.PinRequired, $"The token '{token.Label}' needs its user PIN.", "Give it with -Pin, as a SecureString.")
            {
                Target = token.Label,
            };
        }
        if (token.IsPinLocked)
        {
            throw new HsmBackupException(ErrorCode.PinLocked, $"The user PIN of token '{token.Label}' is locked. It was not tried.",
                "The security officer must unlock it (C_InitPIN).")
            { Target = token.Label };
        }
    }

    private void Login(Pin pin)
    {
        ulong rv = Session.TryLogin(Cku.User, pin.Bytes);
        switch (rv)
        {
            case Ckr.Ok:
                _loggedIn = true;
                return;
            case Ckr.UserAlreadyLoggedIn:
                // Another component of this process holds a login of its own, and ours cannot be checked against it.
                return;
            case Ckr.PinIncorrect or Ckr.PinInvalid or Ckr.PinLenRange:
                throw new HsmBackupException(ErrorCode.PinIncorrect,
                    $"The PIN for token '{Token.Label}' is wrong ({Names.OfReturnValue(rv)}). It was sent once and not tried again.",
                    "Check the PIN before the next try: many tokens lock after a few wrong ones.")
                { Target = Token.Label };
            case Ckr.PinLocked:
                throw new HsmBackupException(ErrorCode.PinLocked, $"The user PIN of token '{Token.Label}' is locked.",
                    "The security officer must unlock it (C_InitPIN).")
                { Target = Token.Label };
            default:
                throw new HsmBackupException(ErrorCode.TokenError, $"Login to token '{Token.Label}' failed: C_Login returned {Names.OfReturnValue(rv)}.",
                    "Look the code up in the documentation of the HSM; the PIN was sent once.", new Pkcs11Exception("C_Login", rv))
                {
                    Target = Token.Label,
                };
        }
    }
}
