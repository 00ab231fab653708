using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Drills;

/// <summary>A backup on its way through a drill: chosen, fetched, its key collected, authenticated.</summary>
internal sealed class DrillBackup(BackupInfo info, string store, string location) : IDisposable
{
    /// <summary>What its header says.</summary>
    public BackupInfo Info { get; } = info;

    /// <summary>The store that it is taken from.</summary>
    public string Store { get; } = store;

    /// <summary>Where it lies there.</summary>
    public string Location { get; } = location;

    /// <summary>The drill's own copy of the file.</summary>
    public string Path { get; set; } = "";

    /// <summary>Its one-time key; null before it is collected.</summary>
    public OneTimeKey? Key { get; set; }

    /// <summary>The objects in it, once it is authenticated.</summary>
    public IReadOnlyList<ObjectSummary> Objects { get; private set; } = [];

    /// <summary>The same by the names that tokens know them by.</summary>
    public IReadOnlyList<AnnouncedObject> Names { get; private set; } = [];

    /// <summary>The digest that the file ends with; null before it is authenticated.</summary>
    public string? Digest { get; private set; }

    /// <summary>Whether it came through.</summary>
    public CheckOutcome Result { get; set; } = CheckOutcome.NotRun;

    /// <summary>Authenticates the whole file and reads what is in it.</summary>
    /// <exception cref="HsmBackupException">Of the file and the key; SignatureInvalid.</exception>
    public void Authenticate(ReadOnlyMemory<byte>? identity, CancellationToken cancellationToken)
    {
        using OpenedBackup opened = Open(cancellationToken);
        if (identity is { } certificate)
        {
            BackupOrigin.Check(opened.Summary, certificate);
        }
        List<ObjectSummary> objects = [];
        List<AnnouncedObject> names = [];
        foreach (ObjectRecord record in opened.Records(cancellationToken))
        {
            objects.Add(ObjectSummary.Of(record));
            names.Add(new AnnouncedObject(record.ObjectClass, record.Label, record.Id));
        }
        (Objects, Names, Digest) = (objects, names, opened.Summary.Digest);
    }

    /// <summary>Opens it once more; each time all of it is authenticated.</summary>
    public OpenedBackup Open(CancellationToken cancellationToken) => OpenedBackup.Open(Path, Key!, cancellationToken);

    /// <summary>For the report.</summary>
    public DrilledBackup ToDrilledBackup() => new()
    {
        BackupId = Info.BackupId,
        Created = Info.Created,
        Store = Store,
        Location = Location,
        Mode = Info.Mode,
        Objects = Info.Objects,
        Captured = Info.Captured,
        Length = Info.Length,
        Digest = Digest,
        Result = Result,
    };

    /// <inheritdoc/>
    public void Dispose() => Key?.Dispose();
}
