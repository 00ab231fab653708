using System.Collections;
using System.Management.Automation;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using HsmBackup.Engine;

namespace HsmBackup.PowerShell.Binding;

/// <summary>Takes certificates, or the paths of certificate files (PEM or DER), as X509Certificate2 objects.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class CertificatesAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object? inputData) =>
        Certificates(engineIntrinsics, inputData).ToArray();

    private static IEnumerable<X509Certificate2> Certificates(EngineIntrinsics engine, object? input) => input switch
    {
        null => [],
        PSObject { BaseObject: not PSCustomObject } wrapped => Certificates(engine, wrapped.BaseObject),
        X509Certificate2 certificate => [certificate],
        string path => Read(engine, path),
        FileInfo file => [Load(file.FullName)],
        IEnumerable several => several.Cast<object?>().SelectMany(one => Certificates(engine, one)),
        _ => throw new ArgumentTransformationMetadataException(
            $"A certificate, or the path of a certificate file, is expected here, not an object of type {input.GetType()}."),
    };

    private static IEnumerable<X509Certificate2> Read(EngineIntrinsics engine, string path)
    {
        IReadOnlyList<string> files;
        try
        {
            files = new SessionPaths(engine.SessionState.Path).Matches(path);
        }
        catch (Exception e) when (e is HsmBackupException or SessionStateException)
        {
            throw new ArgumentTransformationMetadataException(e.Message, e);
        }
        return files.Count > 0
            ? files.Select(Load)
            : throw new ArgumentTransformationMetadataException($"There is no certificate file '{path}'.");
    }

    private static X509Certificate2 Load(string file)
    {
        try
        {
            return X509CertificateLoader.LoadCertificateFromFile(file);
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new ArgumentTransformationMetadataException(
                $"'{file}' cannot be read as an X.509 certificate (PEM or DER): {e.Message}", e);
        }
    }
}
