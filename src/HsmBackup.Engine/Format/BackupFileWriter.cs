using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Format;

/// <summary>Signs a backup: gets the SHA-256 of all bytes before the seal, gives the DER of a detached CMS SignedData.</summary>
/// <param name="digest">The 32 bytes to sign as the message digest.</param>
public delegate byte[] BackupSigner(ReadOnlySpan<byte> digest);

/// <summary>Writes backup files of version 1.</summary>
public static class BackupFileWriter
{
    /// <summary>
    /// Writes a whole backup to a stream, from its beginning to its end. Giving the file its name, and flushing it to the
    /// disk before that, is the caller's part.
    /// </summary>
    /// <param name="output">Where to; only ever appended to.</param>
    /// <param name="header">
    /// The public header. Its counts must be those of the object lines, its key check that of the keys.
    /// </param>
    /// <param name="keys">The keys derived for <see cref="BackupHeader.Id"/>.</param>
    /// <param name="manifest">One JSON object in UTF-8 without a line break.</param>
    /// <param name="objects">The object lines. They can be written again afterwards, but not added to.</param>
    /// <param name="attachments">Attachments with different names, at most 1000; null for none.</param>
    /// <param name="signer">Makes the signature; given exactly when the header names a signer.</param>
    /// <param name="cancellationToken">Looked at before each segment.</param>
    /// <returns>What was written.</returns>
    /// <exception cref="ArgumentException">The parts do not fit together.</exception>
    public static BackupFileSummary Write(Stream output, BackupHeader header, BackupKeys keys, ReadOnlySpan<byte> manifest,
        ContentSpool objects, IEnumerable<BackupAttachment>? attachments = null, BackupSigner? signer = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(header);
        ArgumentNullException.ThrowIfNull(keys);
        ArgumentNullException.ThrowIfNull(objects);
        BackupPreamble preamble = BackupPreamble.Create(header);
        BackupAttachment[] named = attachments?.ToArray() ?? [];
        Check(header, keys, manifest, objects, named, signer);

        using HashedOutput file = new(output, keys.Seal.Span);
        file.Write(preamble.Bytes);
        int segments = WriteSegments(file, preamble, keys, manifest, objects, named, cancellationToken);

        byte[] signedDigest = file.Digest;
        byte[]? signature = signer?.Invoke(signedDigest);
        file.Write(new Seal(file.Mac, signature).Encode());
        byte[] digest = file.Digest;
        file.WriteUncovered(digest);
        return new BackupFileSummary
        {
            Header = header,
            Binding = preamble.Binding,
            Length = file.Length,
            Segments = segments,
            Digest = Convert.ToHexStringLower(digest),
            SignedDigest = Convert.ToHexStringLower(signedDigest),
            Signature = signature,
        };
    }

    private static int WriteSegments(HashedOutput file, BackupPreamble preamble, BackupKeys keys, ReadOnlySpan<byte> manifest,
        ContentSpool objects, BackupAttachment[] attachments, CancellationToken cancellationToken)
    {
        byte[] manifestLine = [.. ContentLines.ManifestStart, .. manifest, (byte)'}', (byte)'\n'];
        long expectedLength = attachments.Length > 0 ? BackupFormat.MaxSegmentLength : objects.Length + manifestLine.Length;
        using SegmentWriter segments = new(file, preamble, keys, expectedLength);
        segments.AddLines(manifestLine);
        int blocks = objects.Seal();
        for (int i = 0; i < blocks; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            segments.AddLines(objects.ReadBlock(i));
        }
        foreach (BackupAttachment attachment in attachments) segments.AddAttachment(attachment, cancellationToken);
        segments.End(objects.Count, attachments.Length);
        return segments.Count;
    }

    private static void Check(BackupHeader header, BackupKeys keys, ReadOnlySpan<byte> manifest, ContentSpool objects,
        BackupAttachment[] attachments, BackupSigner? signer)
    {
        if (!keys.Matches(header.KeyCheck))
            throw new ArgumentException("The header has the check value of other keys.", nameof(header));
        if (header.Objects != objects.Count)
        {
            throw new ArgumentException(
                $"The header counts {header.Objects} objects, but there are {objects.Count}.", nameof(header));
        }
        if ((header.Signer is null) != (signer is null))
            throw new ArgumentException("A header names a signer exactly when there is one.", nameof(signer));
        if (ContentLines.FindManifestFault(manifest) is { } fault)
            throw new ArgumentException($"The manifest cannot stand in a backup: {fault}.", nameof(manifest));
        if (attachments.Length > BackupFormat.MaxAttachments || attachments.DistinctBy(a => a.Name).Count() != attachments.Length)
            throw new ArgumentException("Attachments must have different names, and be no more than 1000.", nameof(attachments));
    }
}
