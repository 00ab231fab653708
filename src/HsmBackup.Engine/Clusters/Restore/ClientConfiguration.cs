using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using HsmBackup.Engine.Pkcs11;

namespace HsmBackup.Engine.Clusters.Restore;

/// <summary>
/// Configuration for other programs that use the tokens (docs/client-configuration.md): for each node a module file for p11-kit, a
/// configuration file for OpenSSL and an environment file for shells. No PIN is ever in them.
/// </summary>
public static partial class ClientConfiguration
{
    /// <summary>Writes the files; those of the same names are replaced.</summary>
    /// <param name="cluster">Name of the cluster or lone token.</param>
    /// <param name="nodes">The nodes.</param>
    /// <param name="folder">Where they go; made if it is not there.</param>
    /// <returns>The files.</returns>
    /// <exception cref="HsmBackupException">InvalidArgument: a path or parameter that cannot stand in such files; DestinationUnwritable, DiskFull.</exception>
    public static IReadOnlyList<string> Write(string cluster, IReadOnlyList<ClusterNode> nodes, string folder)
    {
        ArgumentNullException.ThrowIfNull(nodes);
        string full = Path.GetFullPath(folder);
        List<(string Path, string Content)> files = [.. nodes.SelectMany(n => FilesOf(cluster, n, full))];
        try
        {
            Directory.CreateDirectory(full);
            foreach ((string path, string content) in files)
            {
                Replace(path, content);
            }
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            throw FileErrors.From(e, full);
        }
        return [.. files.Select(f => f.Path)];
    }

    private static IEnumerable<(string Path, string Content)> FilesOf(string cluster, ClusterNode node, string folder)
    {
        LibraryLocation library = node.Address.Library;
        string[] texts = [library.Path, library.Parameters ?? "", .. (library.Environment ?? new Dictionary<string, string>()).SelectMany(v => new[] { v.Key, v.Value })];
        if (texts.Any(t => t.Any(char.IsControl)))
        {
            throw new HsmBackupException(ErrorCode.InvalidArgument,
                $"The library, parameters or environment of node '{node.Name}' hold a line break or another control character, which configuration files cannot.",
                "Put the definition of the cluster right.")
            { Target = node.Name };
        }
        string name = Unsafe().Replace($"{cluster}-{node.Name}", "-");
        string title = $"# Node '{Harmless(node.Name)}' of '{Harmless(cluster)}', written by HsmBackup. No PIN is in here.\n";
        string openssl = Path.Combine(folder, name + ".openssl.cnf");
        yield return (Path.Combine(folder, name + ".module"), title + Module(library));
        yield return (openssl, title + OpenSsl(library));
        yield return (Path.Combine(folder, name + ".env"), title + Environment(node, openssl));
    }

    private static string Module(LibraryLocation library) => $"module: {library.Path}\n"
        + (library.Parameters is null ? "" : $"x-init-reserved: {library.Parameters}\n")
        + (library.Environment is { Count: > 0 }
            ? "# p11-kit cannot set the environment of a library: start programs from a shell that has read the .env file beside this one.\n" : "");

    /// <summary>
    /// One file for both ways. A variable that the environment does not have takes the value of the same name above it, so that the provider is
    /// the default.
    /// </summary>
    private static string OpenSsl(LibraryLocation library)
    {
        var text = new StringBuilder();
        text.Append("# HSMBACKUP_OPENSSL=hsm_with_engine in the environment chooses the engine (libp11) in place of the provider (pkcs11-provider).\n");
        text.Append("HSMBACKUP_OPENSSL = hsm_with_provider\nopenssl_conf = $ENV::HSMBACKUP_OPENSSL\n\n");
        text.Append("[hsm_with_provider]\nproviders = hsm_providers\n\n[hsm_providers]\ndefault = hsm_default\npkcs11 = hsm_pkcs11\n\n");
        text.Append("[hsm_default]\nactivate = 1\n\n");
        text.Append(CultureInfo.InvariantCulture, $"[hsm_pkcs11]\npkcs11-module-path = {Quoted(library.Path)}\n");
        text.Append(library.Parameters is null ? "" : $"pkcs11-module-init-args = {Quoted(library.Parameters)}\n");
        text.Append("activate = 1\n\n[hsm_with_engine]\nengines = hsm_engines\n\n[hsm_engines]\npkcs11 = hsm_engine\n\n");
        text.Append(CultureInfo.InvariantCulture, $"[hsm_engine]\nengine_id = pkcs11\nMODULE_PATH = {Quoted(library.Path)}\n");
        text.Append(library.Parameters is null ? "" : $"INIT_ARGS = {Quoted(library.Parameters)}\n");
        text.Append("init = 0\n");
        return text.ToString();
    }

    private static string Environment(ClusterNode node, string openssl)
    {
        LibraryLocation library = node.Address.Library;
        var text = new StringBuilder();
        foreach ((string name, string value) in (library.Environment ?? new Dictionary<string, string>()).OrderBy(v => v.Key, StringComparer.Ordinal))
        {
            text.Append(VariableName().IsMatch(name) ? Export(name, value) : $"# {name} cannot be set by a shell.\n");
        }
        string[] parts =
        [
            .. node.Address.TokenLabel is { } label ? [$"token={Uri.EscapeDataString(label)}"] : Array.Empty<string>(),
            .. node.Address.TokenSerial is { } serial ? [$"serial={Uri.EscapeDataString(serial)}"] : Array.Empty<string>(),
        ];
        text.Append(Export("HSM_TOKEN_URI", "pkcs11:" + string.Join(';', parts)));
        text.Append(Export("PKCS11_MODULE_PATH", library.Path));
        text.Append(Export("PKCS11_PROVIDER_MODULE", library.Path));
        text.Append(Export("OPENSSL_CONF", openssl));
        return text.ToString();
    }

    private static string Export(string name, string value) => $"export {name}='{value.Replace("'", @"'\''", StringComparison.Ordinal)}'\n";

    private static string Quoted(string value) =>
        "\"" + value.Replace(@"\", @"\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal) + "\"";

    private static string Harmless(string text) => DisplayText.Harmless(text);

    // A program that reads the file meanwhile sees the old one or the new one.
    private static void Replace(string path, string content)
    {
        string temporary = $"{path}.{RandomNumberGenerator.GetHexString(8, lowercase: true)}.new";
        try
        {
            File.WriteAllText(temporary, content);
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    [GeneratedRegex("[^A-Za-z0-9._-]+")]
    private static partial Regex Unsafe();

    [GeneratedRegex("^[A-Za-z_][A-Za-z0-9_]*$")]
    private static partial Regex VariableName();
}
