using HsmBackup.Engine.Format;
using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Tests.Support;

/// <summary>A store that takes nothing, and on request tells nothing either.</summary>
internal sealed class BrokenStore(IBackupStore inner) : IBackupStore
{
    public ErrorCode? ListError { get; init; }

    public ErrorCode AddError { get; init; } = ErrorCode.DiskFull;

    /// <summary>What reading fails with; null where it does not.</summary>
    public ErrorCode? ReadError { get; init; }

    /// <summary>It has the file when it fails, as a server that dies over its answer.</summary>
    public bool WritesFirst { get; init; }

    public string Name => inner.Name;

    public StoreKind Kind => StoreKind.WebDav;

    public string Location => inner.Location;

    public RetentionClass RetentionClass => inner.RetentionClass;

    public IReadOnlyList<StoreItem> List(CancellationToken cancellationToken) => ListError is { } error ? throw Error(error) : inner.List(cancellationToken);

    public string? LocalPath(string name) => inner.LocalPath(name);

    public byte[] ReadStart(string name, int count, CancellationToken cancellationToken) => ReadError is { } error ? throw Error(error) : inner.ReadStart(name, count, cancellationToken);

    public void Read(string name, Stream destination, CancellationToken cancellationToken) => inner.Read(name, destination, cancellationToken);

    public StoreItem Add(string name, Stream content, CancellationToken cancellationToken)
    {
        if (WritesFirst)
        {
            inner.Add(name, content, cancellationToken);
        }
        throw WritesFirst || ReadError is not null ? AdditionInDoubt.About(Error(AddError)) : Error(AddError);
    }

    public void Replace(string name, Stream content, CancellationToken cancellationToken) => throw Error(AddError);

    public void Remove(string name, CancellationToken cancellationToken) => throw Error(AddError);

    public void Dispose()
    {
        // The inner one is its owner's.
    }

    private HsmBackupException Error(ErrorCode code) => new(code, $"The store '{Name}' fails.", "Repair it.") { Target = Location };
}
