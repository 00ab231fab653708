using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Tests.Retention;

/// <summary>Answers every question, and takes no change.</summary>
internal sealed class RefusingStore(IBackupStore inner) : IBackupStore
{
    public int Asked { get; private set; }

    public string Name => inner.Name;

    public StoreKind Kind => inner.Kind;

    public string Location => inner.Location;

    public Engine.Format.RetentionClass RetentionClass => inner.RetentionClass;

    public IReadOnlyList<StoreItem> List(CancellationToken cancellationToken) => inner.List(cancellationToken);

    public string? LocalPath(string name) => inner.LocalPath(name);

    public byte[] ReadStart(string name, int count, CancellationToken cancellationToken) => inner.ReadStart(name, count, cancellationToken);

    public void Read(string name, Stream destination, CancellationToken cancellationToken) => inner.Read(name, destination, cancellationToken);

    public StoreItem Add(string name, Stream content, CancellationToken cancellationToken) => throw Down();

    public void Replace(string name, Stream content, CancellationToken cancellationToken) => throw Down();

    public void Remove(string name, CancellationToken cancellationToken) => throw Down();

    public void Dispose()
    {
    }

    private HsmBackupException Down()
    {
        Asked++;
        return new HsmBackupException(ErrorCode.StoreUnavailable, "The store is down.", "Wait.");
    }
}
