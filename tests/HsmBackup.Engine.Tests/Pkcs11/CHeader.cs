using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Xunit;

namespace HsmBackup.Engine.Tests.Pkcs11;

/// <summary>
/// A PKCS#11 header on this machine, asked through the C compiler: an opinion about sizes, orders and codes that does not
/// come from us. HSMBACKUP_PKCS11_HEADERS may name further headers (a path list), such as those of a newer standard.
/// </summary>
internal sealed partial class CHeader(string path)
{
    private static readonly string[] s_usual =
    [
        "/usr/include/p11-kit-1/p11-kit/pkcs11.h",
        "/usr/include/softhsm/pkcs11.h",
        "/usr/include/nss/pkcs11.h",
        "/usr/include/pkcs11.h",
    ];

    // What the headers of the standard leave to the platform; the others bring their own.
    private const string Platform = """
        #include <stddef.h>
        #include <stdio.h>
        #define CK_PTR *
        #define CK_DECLARE_FUNCTION(type, name) type name
        #define CK_DECLARE_FUNCTION_POINTER(type, name) type (* name)
        #define CK_CALLBACK_FUNCTION(type, name) type (* name)
        #define NULL_PTR 0

        """;

    // Windows: one-byte packing, and a long of 32 bits ("unsigned long" is then an unsigned int).
    private const string Windows = """
        #pragma pack(push, 1)
        #define long

        """;

    private static readonly string? s_compiler = FindCompiler();
    private string? _text;

    public static IReadOnlyList<CHeader> All { get; } = FindHeaders();

    /// <summary>Null when there is a compiler and a header; otherwise what is missing.</summary>
    public static string? WhyMissing =>
        s_compiler is null ? "There is no C compiler (cc, gcc or clang) in the PATH."
        : All.Count == 0 ? "There is no PKCS#11 header in the usual places; HSMBACKUP_PKCS11_HEADERS can name one."
        : null;

    public string Path => path;

    /// <summary>NSS needs the headers of NSPR and has a CK_C_INITIALIZE_ARGS of its own.</summary>
    public bool IsNss => Declares("LibraryParameters");

    public override string ToString() => path;

    public bool Declares(string identifier) => Regex.IsMatch(_text ??= Preprocess([]), $@"\b{identifier}\b");

    /// <summary>Evaluates C expressions in the scope of the header.</summary>
    public Dictionary<string, ulong> Evaluate(IEnumerable<string> expressions, bool asOnWindows = false)
    {
        var prints = expressions.Select(e => $"    printf(\"%s\\t%llX\\n\", \"{e}\", (unsigned long long)({e}));");
        var program = $$"""
            {{Platform}}{{(asOnWindows ? Windows : "")}}#include "{{path}}"
            #undef long
            int main(void)
            {
            {{string.Join('\n', prints)}}
                return 0;
            }
            """;
        var folder = Directory.CreateTempSubdirectory("hsmbackup-header-");
        try
        {
            var source = System.IO.Path.Combine(folder.FullName, "program.c");
            var binary = System.IO.Path.Combine(folder.FullName, "program");
            File.WriteAllText(source, program);
            Run(s_compiler!, [.. Includes, "-w", "-o", binary, source]);
            return Run(binary, [])
                .Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => line.Split('\t'))
                .ToDictionary(f => f[0], f => ulong.Parse(f[1], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>The values of all object-like macros whose names match.</summary>
    public Dictionary<string, ulong> Constants(string pattern) => Evaluate(
        MacroPattern().Matches(Preprocess(["-dM"])).Select(m => m.Groups[1].Value)
            .Where(name => Regex.IsMatch(name, pattern)).Distinct());

    private string[] Includes => ["-I", System.IO.Path.GetDirectoryName(path)!, "-I", "/usr/include/nspr"];

    private string Preprocess(string[] options)
    {
        var folder = Directory.CreateTempSubdirectory("hsmbackup-header-");
        try
        {
            var source = System.IO.Path.Combine(folder.FullName, "header.c");
            File.WriteAllText(source, $"{Platform}#include \"{path}\"\n");
            return Run(s_compiler!, [.. Includes, "-w", "-E", .. options, source]);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static string Run(string program, IEnumerable<string> arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program}: {error.Result}");
    }

    private static string? FindCompiler() =>
        (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(System.IO.Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .SelectMany(folder => new[] { "cc", "gcc", "clang" }, System.IO.Path.Combine)
            .FirstOrDefault(File.Exists);

    private static CHeader[] FindHeaders() =>
    [
        .. (Environment.GetEnvironmentVariable("HSMBACKUP_PKCS11_HEADERS") ?? "")
            .Split(System.IO.Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Concat(s_usual).Where(File.Exists).Select(file => new CHeader(file)),
    ];

    [GeneratedRegex(@"^#define (CK\w*) \S", RegexOptions.Multiline)]
    private static partial Regex MacroPattern();
}

/// <summary>A fact that needs a C compiler and a PKCS#11 header, and says so where there is none.</summary>
internal sealed class HeaderFactAttribute : FactAttribute
{
    public HeaderFactAttribute() => Skip = CHeader.WhyMissing;
}
