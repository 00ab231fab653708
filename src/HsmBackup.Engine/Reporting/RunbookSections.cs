using System.Globalization;

namespace HsmBackup.Engine.Reporting;

/// <summary>The sections of a runbook in their order, by which they refer to each other: on paper a link is a number.</summary>
internal static class RunbookSections
{
    public const string Start = "start";
    public const string ClusterLoss = "cluster-loss";
    public const string NodeLoss = "node-loss";
    public const string KeyLoss = "key-loss";
    public const string LostKey = "lost-key";
    public const string People = "people";
    public const string Places = "places";
    public const string Facts = "facts";
    public const string Communication = "communication";
    public const string Afterwards = "afterwards";
    public const string Drills = "drills";
    public const string About = "about";

    private static readonly string[] Order =
    [
        Start, ClusterLoss, NodeLoss, KeyLoss, LostKey, People, Places, Facts, Communication, Afterwards, Drills, About,
    ];

    public static string Number(int index) => (index + 1).ToString(CultureInfo.InvariantCulture);

    public static Piece Link(string id) => new("section " + Number(Array.IndexOf(Order, id)), Tone.Link, id);
}
