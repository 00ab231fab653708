using System.Globalization;
using System.Text;
using System.Xml;

namespace HsmBackup.Engine.Stores;

/// <summary>What a server says of one address.</summary>
/// <param name="Address">The address as the server writes it.</param>
/// <param name="Status">A status for all of it (RFC 4918, 14.24); null where it has properties.</param>
/// <param name="IsCollection">Whether it is a collection.</param>
/// <param name="Length">Its length; null where the server did not say.</param>
/// <param name="Modified">When it was last written; null where the server did not say.</param>
/// <param name="ETag">Its strong entity tag, where it has one.</param>
internal sealed record WebDavResource(string Address, int? Status, bool IsCollection, long? Length, DateTimeOffset? Modified, string? ETag);

/// <summary>Reads the answer to PROPFIND (RFC 4918, 13), member by member, without trusting it: no document type, and an end to its length.</summary>
internal static class WebDavListing
{
    /// <summary>What is asked for.</summary>
    public const string Request = """<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><prop><resourcetype/><getcontentlength/><getlastmodified/><getetag/></prop></propfind>""";

    private const string Dav = "DAV:";

    // Some hundred thousand members.
    private const long MaxCharacters = 256 * 1024 * 1024;

    // No address and no property that matters here is longer.
    private const int MaxText = 8 * 1024;

    /// <exception cref="XmlException">It is not such a document, or it has no end.</exception>
    public static IEnumerable<WebDavResource> Read(Stream body)
    {
        using var xml = XmlReader.Create(body, new XmlReaderSettings
        {
            DtdProcessing = DtdProcessing.Prohibit,
            XmlResolver = null,
            MaxCharactersInDocument = MaxCharacters,
            IgnoreComments = true,
            IgnoreProcessingInstructions = true,
            IgnoreWhitespace = true,
        });
        if (xml.MoveToContent() != XmlNodeType.Element || !Is(xml, "multistatus"))
        {
            throw new XmlException("It is not a multistatus document.");
        }
        foreach (string name in Children(xml))
        {
            if (name == "response")
            {
                yield return ReadResponse(xml);
            }
        }
        // To the end of the document: one that breaks off is not whole.
        while (xml.Read())
        {
        }
    }

    private static WebDavResource ReadResponse(XmlReader xml)
    {
        var found = new WebDavResource("", null, false, null, null, null);
        foreach (string name in Children(xml))
        {
            found = name switch
            {
                "href" => found with { Address = ReadText(xml) },
                "status" => found with { Status = StatusOf(ReadText(xml)) },
                "propstat" => ReadProperties(xml, found),
                _ => found,
            };
        }
        return found;
    }

    /// <summary>Properties count where their status, which follows them, is 200.</summary>
    private static WebDavResource ReadProperties(XmlReader xml, WebDavResource before)
    {
        WebDavResource found = before;
        int status = 0;
        foreach (string name in Children(xml))
        {
            if (name == "prop")
            {
                found = ReadProperty(xml, found);
            }
            else if (name == "status")
            {
                status = StatusOf(ReadText(xml));
            }
        }
        return status == 200 ? found : before;
    }

    private static WebDavResource ReadProperty(XmlReader xml, WebDavResource found)
    {
        foreach (string name in Children(xml))
        {
            found = name switch
            {
                "resourcetype" => found with { IsCollection = Children(xml).Contains("collection") },
                "getcontentlength" => found with
                {
                    Length = long.TryParse(ReadText(xml), NumberStyles.None, CultureInfo.InvariantCulture, out long length) ? length : null,
                },
                "getlastmodified" => found with
                {
                    Modified = DateTimeOffset.TryParseExact(ReadText(xml), "r", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time) ? time : null,
                },
                "getetag" => found with { ETag = ReadText(xml) is ['"', .., '"'] tag ? tag : null },
                _ => found,
            };
        }
        return found;
    }

    /// <summary>
    /// Goes through the elements within this one, and stands on each while it is the current one; what of it was not read is passed over.
    /// Elements of other namespaces have no name here. All of it has been gone through when it ends.
    /// </summary>
    private static IEnumerable<string> Children(XmlReader xml)
    {
        if (xml.IsEmptyElement)
        {
            yield break;
        }
        int depth = xml.Depth + 1;
        bool more = xml.Read();
        while (more && xml.Depth >= depth)
        {
            if (xml.NodeType == XmlNodeType.Element && xml.Depth == depth)
            {
                yield return xml.NamespaceURI == Dav ? xml.LocalName : "";
            }
            more = xml.Read();
        }
    }

    private static string ReadText(XmlReader xml)
    {
        if (xml.IsEmptyElement)
        {
            return "";
        }
        int depth = xml.Depth;
        var text = new StringBuilder();
        char[] part = new char[1024];
        while (xml.Read() && xml.Depth > depth)
        {
            if (xml.NodeType is not (XmlNodeType.Text or XmlNodeType.CDATA))
            {
                continue;
            }
            // In parts: one long text would be held as a whole otherwise.
            for (int read; (read = xml.ReadValueChunk(part, 0, part.Length)) > 0;)
            {
                text.Append(part, 0, read);
                if (text.Length > MaxText)
                {
                    throw new XmlException("A text in it is too long.");
                }
            }
        }
        return text.ToString().Trim();
    }

    private static bool Is(XmlReader xml, string name) => xml.LocalName == name && xml.NamespaceURI == Dav;

    // "HTTP/1.1 200 OK"
    private static int StatusOf(string line) =>
        line.Split(' ', 3) is [_, var number, ..] && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int status) ? status : 0;
}
