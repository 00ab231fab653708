using System.Net.Http.Headers;
using System.Text;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Stores;

/// <summary>Who asks a WebDAV server, and the proof of it.</summary>
public sealed class WebDavCredentials : IDisposable
{
    private readonly string? _user;
    private readonly Pin _secret;

    private WebDavCredentials(string? user, Pin secret)
    {
        _user = user;
        _secret = secret;
    }

    /// <summary>User and password (RFC 7617).</summary>
    /// <param name="user">The user, without a colon.</param>
    /// <param name="password">The password; from now on it belongs to the credentials.</param>
    /// <exception cref="HsmBackupException">InvalidArgument: such a user cannot be sent.</exception>
    public static WebDavCredentials Basic(string user, Pin password)
    {
        ArgumentNullException.ThrowIfNull(user);
        ArgumentNullException.ThrowIfNull(password);
        return user.Contains(':', StringComparison.Ordinal) || user.Any(char.IsControl)
            ? throw new HsmBackupException(ErrorCode.InvalidArgument, "A user name with a colon or a control character in it cannot be sent to a WebDAV server.",
                "Name a user without them.")
            { Target = user }
            : new WebDavCredentials(user, password);
    }

    /// <summary>A bearer token (RFC 6750).</summary>
    /// <param name="token">The token; from now on it belongs to the credentials.</param>
    /// <exception cref="HsmBackupException">PinUnavailable: this is no token.</exception>
    public static WebDavCredentials Bearer(Pin token)
    {
        ArgumentNullException.ThrowIfNull(token);
        // RFC 6750, 2.1: anything else could end the header and begin another.
        foreach (byte b in token.Bytes)
        {
            if (!char.IsAsciiLetterOrDigit((char)b) && !"-._~+/="u8.Contains(b))
            {
                throw NoToken();
            }
        }
        return token.Bytes.IsEmpty ? throw NoToken() : new WebDavCredentials(null, token);
    }

    /// <summary>
    /// The value of the header Authorization. The platform takes headers as strings only, which cannot be overwritten: it is made anew for
    /// each request and forgotten with it.
    /// </summary>
    internal AuthenticationHeaderValue ForRequest()
    {
        if (_user is null)
        {
            return new AuthenticationHeaderValue("Bearer", Encoding.ASCII.GetString(_secret.Bytes));
        }
        int userLength = Encoding.UTF8.GetByteCount(_user);
        using var plain = new SecretBuffer(userLength + 1 + _secret.Bytes.Length);
        Encoding.UTF8.GetBytes(_user, plain.Span);
        plain.Span[userLength] = (byte)':';
        _secret.Bytes.CopyTo(plain.Span[(userLength + 1)..]);
        return new AuthenticationHeaderValue("Basic", Convert.ToBase64String(plain.Span));
    }

    /// <inheritdoc/>
    public void Dispose() => _secret.Dispose();

    /// <inheritdoc/>
    public override string ToString() => _user ?? "(bearer token)";

    private static HsmBackupException NoToken() => new(ErrorCode.PinUnavailable,
        "What is to be the bearer token of a WebDAV store is none: there are characters in it that no token has, or it is empty.",
        "Check the source of the password in the definition: it must give the token alone, without the word Bearer, blanks or quotes.");
}
