namespace EngineDrill;

/// <summary>
/// Domain parameters for DSA and Diffie-Hellman keys: 2048 bits with a subgroup of 256 bits, made once by OpenSSL. Making new
/// ones for each drill would take longer than all the rest of it.
/// </summary>
internal static class Group
{
    public static readonly byte[] Prime = Convert.FromBase64String(
        "3ttE7CeK3QBYdAjXj4bgBk58uEMPXLOTzSEi0yMbmn9kpSsWpESso0dCsGKnRg7u1LLfjJpGyW0LwDCbxlUP3RgsT8muBqE++ujM"
        + "SdlmPatDWZxrk4eXcuMDVuGC4eLxC1iihKswQ77Z2Vsz+5+aeYNds1omwTYpY9W0R4KtHMXeX4JyIITpjTxq2ObXvJu64CJXgHmX"
        + "cQZ2jzwsX1EJtohX6qfS3/GCnCvdohrCvg61ngKiHkvsSfNQRofa6+WdHoEqH1utGxykSJm5G6OwzWC4pwxc/VeH8cXU63Y0+LAD"
        + "y1G/DTpar4P6lUT2SxWLzXwgJIV30OeteCn7VvRP9Q==");

    public static readonly byte[] Subprime = Convert.FromBase64String("t/J2iIILIYisSzUBcGzqHuImQTNtH95zB/i4iKc0QUk=");

    public static readonly byte[] Base = Convert.FromBase64String(
        "EhORkzClnuuHbDkJWY5AE5MLV8NjJytToYxLFgofWBNGKydDbdUy/bA91yTw3Gc1wqDnZJRIK5y4Hs3cL5hz7Dqqgc50tRHeyjT8"
        + "Cg9GrEZpx6QTBXZXzbDcCjqguJqKqRTEw04r49L5TAprc9NW55vgkUmJV6+GnnE+k4z0gafS1iCl9YUr/iMeMspapQs5c9BsIZFw"
        + "yAF5FpFtp7jakMSAFr76IG5rUzJMyhLnEDpIUAetymCizxaDduEZmunVrCbHQYsGxbRMsy/E3c0J6NMtwhXwxZpOYQchdKnsVn/I"
        + "vv21r6ZV1ageKvBw0Brbto+FyLEQNYiBbv2JezQg+A==");
}
