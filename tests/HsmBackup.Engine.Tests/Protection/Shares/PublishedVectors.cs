using System.Text.Json;
using Xunit;

namespace HsmBackup.Engine.Tests.Protection.Shares;

/// <summary>All published sets, where the folder with them stands beside the repository.</summary>
internal static class PublishedVectors
{
    private static readonly string? Folder = FindFolder();

    public static bool AreThere => Folder is not null;

    public static IReadOnlyList<ShareVector> All { get; } = Folder is null ? [] : Read(Folder);

    // Each set is an array: description, mnemonics, secret, and a BIP-32 key that is of no interest here.
    private static ShareVector[] Read(string folder)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "slip39-vectors.json")));
        return
        [
            .. document.RootElement.EnumerateArray().Select(set => new ShareVector(
                set[0].GetString()!,
                [.. set[1].EnumerateArray().Select(mnemonic => mnemonic.GetString()!)],
                set[2].GetString()!)),
        ];
    }

    private static string? FindFolder()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "HsmBackup.sln")))
        {
            folder = folder.Parent;
        }
        string? vectors = folder?.Parent is null ? null : Path.Combine(folder.Parent.FullName, "shared", "vectors");
        return File.Exists(Path.Combine(vectors ?? "", "slip39-vectors.json")) ? vectors : null;
    }
}

/// <summary>A test over all published sets.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class PublishedVectorsTheoryAttribute : TheoryAttribute
{
    public PublishedVectorsTheoryAttribute() => Skip = PublishedVectors.AreThere ? null : PublishedVectorsFactAttribute.Reason;
}

/// <summary>A test of the published data.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class PublishedVectorsFactAttribute : FactAttribute
{
    internal const string Reason = "The folder shared/vectors is not beside the repository; a selection is tested all the same.";

    public PublishedVectorsFactAttribute() => Skip = PublishedVectors.AreThere ? null : Reason;
}
