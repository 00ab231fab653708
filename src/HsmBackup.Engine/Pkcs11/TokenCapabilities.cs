using System.Text;

namespace HsmBackup.Engine.Pkcs11;

/// <summary>How a key-encryption key gets into a token.</summary>
public enum KekImport
{
    /// <summary>No way was found.</summary>
    None,

    /// <summary>C_CreateObject takes it.</summary>
    CreateObject,

    /// <summary>C_CreateObject is forbidden; it is unwrapped by RSA-OAEP under a session key pair of the token.</summary>
    RsaOaep,
}

/// <summary>One thing that the probe tried, for a person to read.</summary>
/// <param name="Subject">What was tried.</param>
/// <param name="Works">Whether it works.</param>
/// <param name="Detail">What was seen.</param>
public sealed record ProbeFinding(string Subject, bool Works, string Detail);

/// <summary>What a token was seen to do, by known answers on session objects of our own. Mechanism flags are not asked.</summary>
public sealed record TokenCapabilities
{
    /// <summary>How the KEK gets in.</summary>
    public KekImport KekImport { get; init; }

    /// <summary>The hash of RSA-OAEP that the token takes: a CKM code; 0 where it takes none or was not asked.</summary>
    public ulong OaepHash { get; init; }

    /// <summary>How secret keys are wrapped; null where they cannot be.</summary>
    public WrapMethod? SecretKeys { get; init; }

    /// <summary>How secret keys of odd lengths are wrapped under the KEK where <see cref="SecretKeys"/> rounds them; null where there is no such way.</summary>
    public WrapMethod? OddLengths { get; init; }

    /// <summary>How private keys are wrapped; null where they cannot be.</summary>
    public WrapMethod? PrivateKeys { get; init; }

    /// <summary>C_DigestKey works, and tells keys apart by value and length.</summary>
    public bool DigestsKeys { get; init; }

    /// <summary>What this token does otherwise.</summary>
    public Quirks Quirks { get; init; }

    /// <summary>Everything that was tried.</summary>
    public IReadOnlyList<ProbeFinding> Findings { get; init; } = [];

    /// <summary>True where at least one kind of key can be wrapped and the KEK gets in.</summary>
    public bool CanWrap => KekImport != KekImport.None && (SecretKeys is not null || PrivateKeys is not null);

    /// <summary>The same with quirks switched by the caller, who knows the token better than the probe could.</summary>
    internal TokenCapabilities Switch(Quirks on, Quirks off)
    {
        if ((on & off) != 0)
        {
            throw new HsmBackupException(ErrorCode.InvalidArgument, $"The quirks {on & off} cannot be both on and off.", "Name each quirk once.");
        }
        Quirks quirks = (Quirks | on) & ~off;
        if (quirks == Quirks)
        {
            return this;
        }
        ProbeFinding switched = new("quirks", true, $"{quirks} by the caller's choice; the probe found {Quirks}");
        return this with
        {
            Quirks = quirks,
            SecretKeys = ((Quirks ^ quirks) & Quirks.WrapRoundsLengths) == 0 ? SecretKeys
                : SecretKeys is null ? null : SecretKeys with { ExactLengths = !quirks.HasFlag(Quirks.WrapRoundsLengths) },
            Findings = [.. Findings, switched],
        };
    }

    /// <summary>The findings as lines of text.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (ProbeFinding finding in Findings)
        {
            text.Append(finding.Works ? "yes  " : "no   ").Append(finding.Subject).Append(": ").AppendLine(finding.Detail);
        }
        return text.Append("quirks: ").Append(Quirks).ToString();
    }
}
