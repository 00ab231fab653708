namespace HsmBackup.Engine.Stores;

/// <summary>What it takes to reach a WebDAV collection.</summary>
public sealed record WebDavSettings
{
    /// <summary>The https address of the collection, without user information, query or fragment; with or without a slash at its end.</summary>
    public required Uri Collection { get; init; }

    /// <summary>What people call the store; its address where that is null.</summary>
    public string? Name { get; init; }

    /// <summary>Who asks; null where the server wants no name. The store disposes it.</summary>
    public WebDavCredentials? Credentials { get; init; }

    /// <summary>A PEM file with the authorities that may vouch for the server, in place of those that the system trusts.</summary>
    public string? CertificateAuthority { get; init; }

    /// <summary>SHA-256 of the server's certificate (DER) in hex; null where any certificate of the authorities will do.</summary>
    public string? CertificatePin { get; init; }

    internal WebDavPatience Patience { get; init; } = new();
}

/// <summary>How long a server is waited for, and how often it is asked again.</summary>
internal sealed record WebDavPatience
{
    /// <summary>Until there is a connection, with its TLS handshake.</summary>
    public TimeSpan Connect { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Without a byte in either direction. A transfer that makes progress may take as long as it needs.</summary>
    public TimeSpan Silence { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How often the same is tried.</summary>
    public int Attempts { get; init; } = 5;

    /// <summary>How often a transfer that makes progress in between is taken up again.</summary>
    public int Resumptions { get; init; } = 50;

    /// <summary>Before the second attempt; it doubles with each.</summary>
    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The most that it grows to.</summary>
    public TimeSpan LongestDelay { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The most that a server may ask to be left alone for (Retry-After); where it asks for more, it is not waited for at all.</summary>
    public TimeSpan LongestRetryAfter { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>The clock.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Waits; tests only note for how long.</summary>
    public Action<TimeSpan, CancellationToken> Wait { get; init; } = static (delay, cancellationToken) =>
    {
        cancellationToken.WaitHandle.WaitOne(delay);
        cancellationToken.ThrowIfCancellationRequested();
    };

    /// <summary>
    /// How long to wait after so many failures: twice as long each time, and less by chance of up to a half, so that many clients that a
    /// server has cut off do not come back at the same moment.
    /// </summary>
    public TimeSpan DelayAfter(int failures, TimeSpan? asked)
    {
        TimeSpan grown = FirstDelay * Math.Pow(2, Math.Min(failures - 1, 20));
        TimeSpan delay = (grown < LongestDelay ? grown : LongestDelay) * (0.5 + Random.Shared.NextDouble() / 2);
        return asked > delay ? asked.Value : delay;
    }
}
