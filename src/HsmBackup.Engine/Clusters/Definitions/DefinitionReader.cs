using System.Text.Json;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Clusters.Keys;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Retention;
using HsmBackup.Engine.Stores;
using HsmBackup.Engine.Tokens;
using static HsmBackup.Engine.Clusters.Definitions.DefinitionTypes;

namespace HsmBackup.Engine.Clusters.Definitions;

/// <summary>
/// Reads a definition, strictly: a member that is not known, is there twice, is missing or is of another form is an error with its line.
/// docs/hsmcluster.schema.json says the same for editors, and a test holds the two together.
/// </summary>
internal static class DefinitionReader
{
    private static readonly DefinitionType<int> Count = Number(1, 10_000);
    private static readonly DefinitionType<StoreKind> Kind = OneOf(DefinitionWriter.StoreKinds);
    private static readonly DefinitionType<StoreAuthentication> Authentication = OneOf(DefinitionWriter.Authentications);
    private static readonly DefinitionType<Quirks> Quirk = OneOf([.. Enum.GetValues<Quirks>().Where(q => q != Quirks.None)
        .Select(q => (q.ToString(), q))]);

    /// <summary>Reads a whole definition.</summary>
    /// <exception cref="HsmBackupException">DefinitionInvalid; PinSourceRefused: a PIN stands in it.</exception>
    public static ClusterDefinition Read(DefinitionText text) =>
        DefinitionObject.Read(DefinitionValue.Parse(text), "an object in braces", Read);

    private static ClusterDefinition Read(DefinitionObject json)
    {
        string? schema = json.Optional("$schema", Text);
        // The version comes first: of another version nothing else may be judged.
        _ = json.Required("formatVersion", OneVersion);
        string id = json.Required("id", Id);
        string name = json.Required("name", Name);
        string? description = json.Optional("description", Text);
        IReadOnlyList<ClusterNode> nodes = ReadNodes(json);
        IReadOnlyList<ClusterContact> contacts = json.List("contacts", "a contact in braces",
            value => DefinitionObject.Read(value, "a contact in braces", ReadContact));
        json.CheckDifferent("contacts", [.. contacts.Select(c => c.Name)]);
        IReadOnlyList<ClusterStore> stores = json.List("stores", "a store in braces",
            value => DefinitionObject.Read(value, "a store in braces", ReadStore, CheckStore));
        json.CheckDifferent("stores", [.. stores.Select(s => s.Name)]);
        CheckPlaces(json, stores);
        DefinitionType<string> contact = NameOf("contacts", [.. contacts.Select(c => c.Name)]);
        return new ClusterDefinition
        {
            Schema = schema,
            Id = id,
            Name = name,
            Description = description,
            Nodes = nodes,
            ClusterKey = json.Optional("clusterKey", value => DefinitionObject.Read(value, "what is known of the cluster key, in braces",
                ReadKey)),
            IdentityCertificate = json.Optional("identityCertificate", Certificate),
            Acknowledged = json.List("acknowledged", "an object in braces",
                value => DefinitionObject.Read(value, "an object in braces", ReadAcknowledged, CheckAcknowledged)),
            Contacts = contacts,
            Escalation = ReadEscalation(json, contact),
            Stores = stores,
            Schedule = json.Optional("schedule", value => DefinitionObject.Read(value, "a schedule in braces",
                s => ReadSchedule(s, nodes, stores))),
            Retention = json.Optional("retention", value => DefinitionObject.Read(value, "what is kept, in braces", ReadRetention)),
            Drill = json.Optional("drill", value => DefinitionObject.Read(value, "a drill in braces", d => ReadDrill(d, contact))),
            Targets = json.Optional("targets", value => DefinitionObject.Read(value, "the targets in braces", t => new RecoveryTargets
            {
                Rto = t.OptionalValue("rto", Duration),
                Rpo = t.OptionalValue("rpo", Duration),
            })),
            Policy = json.Optional("policy", value => DefinitionObject.Read(value, "a policy in braces", p => new ClusterPolicy
            {
                MaximumBackupAge = p.OptionalValue("maximumBackupAge", Duration),
                MaximumDrillAge = p.OptionalValue("maximumDrillAge", Duration),
                MaximumVerificationAge = p.OptionalValue("maximumVerificationAge", Duration),
            })),
            Metrics = json.Optional("metrics", value => DefinitionObject.Read(value, "where metrics go, in braces",
                AlertsJson.ReadMetrics)),
            Alerts = json.Optional("alerts", value => DefinitionObject.Read(value, "who is told, in braces",
                a => AlertsJson.ReadAlerts(a, ReadPinSource))),
        };
    }

    private static DefinitionType<int> OneVersion => Number(ClusterDefinition.FormatVersion, ClusterDefinition.FormatVersion) with
    {
        Expected = $"{ClusterDefinition.FormatVersion}, the version that this program knows",
    };

    private static IReadOnlyList<ClusterNode> ReadNodes(DefinitionObject json)
    {
        IReadOnlyList<ClusterNode> nodes = json.Several("nodes", "a node in braces",
            value => DefinitionObject.Read(value, "a node in braces", ReadNode, CheckNode));
        json.CheckDifferent("nodes", [.. nodes.Select(n => n.Name)]);
        var seen = new Dictionary<string, string>(StringComparer.Ordinal);
        for (int i = 0; i < nodes.Count; i++)
        {
            LibraryLocation library = nodes[i].Address.Library;
            string environment = string.Join('\0', (library.Environment ?? new Dictionary<string, string>())
                .OrderBy(v => v.Key, StringComparer.Ordinal).Select(v => $"{v.Key}={v.Value}"));
            string token = string.Join('\n', library.Path, library.Parameters, nodes[i].Address.TokenLabel, nodes[i].Address.TokenSerial,
                environment);
            if (!seen.TryAdd(token, nodes[i].Name))
            {
                throw json.Find("nodes")!.Items[i].Error($"it is the same token as node '{seen[token]}'",
                    "a token of its own for each node");
            }
        }
        return nodes;
    }

    private static ClusterNode ReadNode(DefinitionObject json) => new()
    {
        Name = json.Required("name", Name),
        Address = new TokenAddress(
            new LibraryLocation(json.Required("library", AbsolutePath with
            {
                Expected = "the absolute path of the node's PKCS#11 library",
            }))
            {
                Environment = json.Optional("environment", ReadEnvironment),
                Parameters = json.Optional("parameters", Text),
                QuirksOn = All(json.List("enableQuirks", Quirk)),
                QuirksOff = All(json.List("disableQuirks", Quirk)),
            },
            json.Optional("tokenLabel", Text),
            json.Optional("tokenSerial", Text)),
        Pin = json.Optional("pin", ReadPinSource),
        Timeout = json.OptionalValue("timeout", DefinitionTypes.Timeout) ?? ClusterNode.DefaultTimeout,
        Zone = json.Optional("zone", Text),
    };

    private static void CheckNode(DefinitionObject json, ClusterNode node)
    {
        if (node.Address is { TokenLabel: null, TokenSerial: null })
        {
            throw json.Error("it does not say which token of the library is meant", "tokenLabel, tokenSerial or both");
        }
        if ((node.Address.Library.QuirksOn & node.Address.Library.QuirksOff) is not Quirks.None and Quirks both)
        {
            throw json.Find("disableQuirks")!.Error($"{both} is enabled as well", "each quirk in one of the lists");
        }
    }

    private static Quirks All(IReadOnlyList<Quirks> quirks) => quirks.Aggregate(Quirks.None, (all, one) => all | one);

    private static Dictionary<string, string> ReadEnvironment(DefinitionValue value)
    {
        const string Expected = "variables and their values, as text, in braces";
        if (value.Kind != JsonTokenType.StartObject)
        {
            throw value.Error("it is something else", Expected);
        }
        foreach ((string name, DefinitionValue content) in value.Members)
        {
            if (name.Length == 0 || name.Contains('=', StringComparison.Ordinal) || name.Any(char.IsControl))
            {
                throw content.Error("its name is not that of an environment variable", Expected);
            }
        }
        return value.Members.ToDictionary(m => m.Key, m => (Text with { Expected = "the value of an environment variable, as text" })
            .Read(m.Value),
            StringComparer.Ordinal);
    }

    /// <summary>What is no source may be a PIN, so the error is another one, and repeats nothing.</summary>
    private static PinSource ReadPinSource(DefinitionValue value) => value.Kind == JsonTokenType.String
        && PinSource.TryParse(value.Text, out PinSource? source)
        ? source
        : throw new HsmBackupException(ErrorCode.PinSourceRefused,
            $"{value.Source.Name}, line {value.Line}, {value.Path}: it does not say where the secret comes from. Expected: {PinSource.Forms}.",
            "If the PIN itself stands there, take it out, and change it on the token: it was in a file that many may read. Then name one of these "
            + "sources, or leave the member out and give the PIN with each command.")
        { Target = value.Source.Name };

    private static ClusterKeyInfo ReadKey(DefinitionObject json)
    {
        int shares = json.Required("shares", Number(1, 16));
        DefinitionType<int> set = Number(0, 32767);
        return new ClusterKeyInfo
        {
            Check = json.Required("check", CheckValue),
            WrapChecks = json.Required("wrapChecks", "check values by form of wrapping, in braces", ReadWrapChecks),
            ShareSetId = json.Required("shareSetId", set),
            Shares = shares,
            Threshold = json.Required("threshold", Number(1, shares)),
            Created = json.Required("created", Instant),
            RetiredShareSets = json.List("retiredShareSets", set),
        };
    }

    private static Dictionary<WrapForm, string> ReadWrapChecks(DefinitionValue value) => DefinitionObject.Read(
        value, "check values by form of wrapping, in braces", json =>
            DefinitionWriter.WrapForms.Select(f => (Form: f.Meaning, Check: json.Optional(f.Word, CheckValue)))
            .Where(f => f.Check is not null).ToDictionary(f => f.Form, f => f.Check!));

    private static AcknowledgedObject ReadAcknowledged(DefinitionObject json) => new()
    {
        Label = json.Optional("label", Text),
        Id = json.Optional("id", ObjectId),
        Class = json.Optional("class", ObjectClass),
        Reason = json.Required("reason", Text with { Expected = "why a backup may do without the object, as text" }),
    };

    private static void CheckAcknowledged(DefinitionObject json, AcknowledgedObject acknowledged)
    {
        if (acknowledged is { Label: null, Id: null })
        {
            throw json.Error("it does not say which object is meant", "label, id or both");
        }
    }

    private static ClusterContact ReadContact(DefinitionObject json) => new()
    {
        Name = json.Required("name", Text),
        Role = json.Optional("role", Text),
        Email = json.Optional("email", Text),
        Phone = json.Optional("phone", Text),
        Notes = json.Optional("notes", Text),
    };

    private static IReadOnlyList<EscalationStep> ReadEscalation(DefinitionObject json, DefinitionType<string> contact)
    {
        IReadOnlyList<EscalationStep> steps = json.List("escalation", "a step in braces", value => DefinitionObject.Read(
            value, "a step in braces", step => new EscalationStep
            {
                After = step.Required("after", Delay),
                Contacts = step.Several("contacts", contact.Expected, contact.Read),
                Purpose = step.Optional("purpose", Text),
            }));
        for (int i = 1; i < steps.Count; i++)
        {
            if (steps[i].After < steps[i - 1].After)
            {
                throw json.Find("escalation")!.Items[i].Error("it comes earlier than the step before it", "steps in the order of time");
            }
        }
        return steps;
    }

    private static ClusterStore ReadStore(DefinitionObject json)
    {
        StoreKind kind = json.Required("kind", Kind);
        return new ClusterStore
        {
            Name = json.Required("name", Name),
            Kind = kind,
            Location = json.Required("location", kind == StoreKind.WebDav ? HttpsAddress : AbsolutePath),
            User = json.Optional("user", Text),
            Password = json.Optional("password", ReadPinSource),
            Authentication = json.OptionalValue("authentication", Authentication) ?? StoreAuthentication.Basic,
            CertificateAuthority = json.Optional("certificateAuthority", AbsolutePath),
            CertificatePin = json.Optional("certificatePin", CertificatePin),
        };
    }

    private static void CheckStore(DefinitionObject json, ClusterStore store)
    {
        string[] forWebDav = ["user", "password", "authentication", "certificateAuthority", "certificatePin"];
        if (store.Kind != StoreKind.WebDav && forWebDav.Select(json.Find).FirstOrDefault(m => m is not null) is { } stranger)
        {
            throw stranger.Error("a folder takes none", "this member for a store of kind \"webdav\" only");
        }
        if (store.Authentication == StoreAuthentication.Bearer)
        {
            if (store.User is not null)
            {
                throw json.Find("user")!.Error("a bearer token has no user", "the password alone, which is the token");
            }
            if (store.Password is null)
            {
                throw json.Find("authentication")!.Error("there is no token", "a password, which is the bearer token");
            }
        }
        else if (store.Password is null != store.User is null)
        {
            throw (json.Find("password") ?? json.Find("user"))!.Error("one of user and password is missing",
                "user and password, or neither");
        }
    }

    // Two names for one place would pass for two copies.
    private static void CheckPlaces(DefinitionObject json, IReadOnlyList<ClusterStore> stores)
    {
        var seen = new Dictionary<string, string>(StringComparer.Ordinal);
        for (int i = 0; i < stores.Count; i++)
        {
            string place = stores[i].Kind == StoreKind.WebDav ? new Uri(stores[i].Location).AbsoluteUri
                : Path.GetFullPath(stores[i].Location);
            if (!seen.TryAdd(place.TrimEnd('/', '\\'), stores[i].Name))
            {
                throw json.Find("stores")!.Items[i].Error($"it is the same place as store '{seen[place.TrimEnd('/', '\\')]}'",
                    "a place of its own for each store");
            }
        }
    }

    private static ClusterSchedule ReadSchedule(DefinitionObject json, IReadOnlyList<ClusterNode> nodes,
        IReadOnlyList<ClusterStore> stores) => new()
        {
            Times = json.Several("times", TimeOfDay.Expected, TimeOfDay.Read),
            Days = json.List("days", OneOf<DayOfWeek>()),
            Utc = json.OptionalValue("utc", YesOrNo) ?? false,
            Node = json.Optional("node", NameOf("nodes", [.. nodes.Select(n => n.Name)])),
            Stores = json.List("stores", NameOf("stores", [.. stores.Select(s => s.Name)])),
            KeyRecipients = json.List("keyRecipients", AbsolutePath),
            KeyFolder = json.Optional("keyFolder", AbsolutePath),
            KeyVault = json.Optional("keyVault", Text),
        };

    private static ClusterRetention ReadRetention(DefinitionObject json) => new()
    {
        Online = json.Optional("online", value => DefinitionObject.Read(value, "rules in braces", ReadRules)),
        Offline = json.Optional("offline", value => DefinitionObject.Read(value, "rules in braces", ReadRules)),
        MinimumCopies = json.OptionalValue("minimumCopies", Count),
        RemovalDelay = json.OptionalValue("removalDelay", Duration),
    };

    private static RetentionRules ReadRules(DefinitionObject json) => new()
    {
        KeepLast = json.OptionalValue("keepLast", Count),
        KeepDaily = json.OptionalValue("keepDaily", Count),
        KeepWeekly = json.OptionalValue("keepWeekly", Count),
        KeepMonthly = json.OptionalValue("keepMonthly", Count),
        KeepYearly = json.OptionalValue("keepYearly", Count),
        KeepWithin = json.OptionalValue("keepWithin", Duration),
        MaximumAge = json.OptionalValue("maximumAge", Duration),
    };

    private static ClusterDrill ReadDrill(DefinitionObject json, DefinitionType<string> contact) => new()
    {
        Interval = json.Required("interval", Duration),
        Cluster = json.Optional("cluster", Text),
        SoftwareTargets = json.OptionalValue("softwareTargets", YesOrNo) ?? false,
        SampleSize = json.OptionalValue("sampleSize", Count) ?? ClusterDrill.DefaultSampleSize,
        Participants = json.List("participants", contact),
    };

    /// <summary>A name that must be defined elsewhere in the file.</summary>
    private static DefinitionType<string> NameOf(string list, IReadOnlyList<string> names) => new(
        names.Count == 0 ? $"the name of one of $.{list}, of which there are none"
            : $"the name of one of $.{list}: {string.Join(", ", names)}",
        (value, out result) =>
        {
            result = names.FirstOrDefault(n => n.Equals(value.Text, StringComparison.OrdinalIgnoreCase)) ?? "";
            return value.Kind == JsonTokenType.String && result.Length > 0;
        });
}
