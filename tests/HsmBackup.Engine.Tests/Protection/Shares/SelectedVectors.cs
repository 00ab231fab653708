namespace HsmBackup.Engine.Tests.Protection.Shares;

/// <summary>Shares that SLIP-0039 publishes, and the secret that they give; none where they must be refused.</summary>
/// <param name="Description">What the set is about, beginning with its number.</param>
/// <param name="Mnemonics">The shares.</param>
/// <param name="Secret">The secret in hexadecimal, or an empty string.</param>
public sealed record ShareVector(string Description, IReadOnlyList<string> Mnemonics, string Secret)
{
    /// <summary>The passphrase of all published sets.</summary>
    public const string Passphrase = "TREZOR";

    public override string ToString() => Description;
}

/// <summary>A selection of the published sets, so that this repository on its own checks the standard.</summary>
internal static class SelectedVectors
{
    public static IReadOnlyList<ShareVector> All { get; } =
    [
        new(
            "1. Valid mnemonic without sharing (128 bits)",
            [
                "duckling enlarge academic academic agency result length solution fridge kidney coal piece deal husband"
                    + " erode duke ajar critical decision keyboard",
            ],
            "bb54aac4b89dc868ba37d9cc21b2cece"),
        new(
            "2. Mnemonic with invalid checksum (128 bits)",
            [
                "duckling enlarge academic academic agency result length solution fridge kidney coal piece deal husband"
                    + " erode duke ajar critical decision kidney",
            ],
            ""),
        new(
            "3. Mnemonic with invalid padding (128 bits)",
            [
                "duckling enlarge academic academic email result length solution fridge kidney coal piece deal husband"
                    + " erode duke ajar music cargo fitness",
            ],
            ""),
        new(
            "4. Basic sharing 2-of-3 (128 bits)",
            [
                "shadow pistol academic always adequate wildlife fancy gross oasis cylinder mustang wrist rescue view"
                    + " short owner flip making coding armed",
                "shadow pistol academic acid actress prayer class unknown daughter sweater depict flip twice unkind craft"
                    + " early superior advocate guest smoking",
            ],
            "b43ceb7e57a0ea8766221624d01b0864"),
        new(
            "7. Mnemonics with different iteration exponents (128 bits)",
            [
                "peasant leaves academic acid desert exact olympic math alive axle trial tackle drug deny decent smear"
                    + " dominant desert bucket remind",
                "peasant leader academic agency cultural blessing percent network envelope medal junk primary human pumps"
                    + " jacket fragment payroll ticket evoke voice",
            ],
            ""),
        new(
            "10. Mnemonics with greater group threshold than group counts (128 bits)",
            [
                "music husband acrobat acid artist finance center either graduate swimming object bike medical clothes"
                    + " station aspect spider maiden bulb welcome",
                "music husband acrobat agency advance hunting bike corner density careful material civil evil tactics"
                    + " remind hawk discuss hobo voice rainbow",
                "music husband beard academic black tricycle clock mayor estimate level photo episode exclude ecology"
                    + " papa source amazing salt verify divorce",
            ],
            ""),
        new(
            "11. Mnemonics with duplicate member indices (128 bits)",
            [
                "device stay academic always dive coal antenna adult black exceed stadium herald advance soldier busy"
                    + " dryer daughter evaluate minister laser",
                "device stay academic always dwarf afraid robin gravity crunch adjust soul branch walnut coastal dream"
                    + " costume scholar mortgage mountain pumps",
            ],
            ""),
        new(
            "12. Mnemonics with mismatching member thresholds (128 bits)",
            [
                "hour painting academic academic device formal evoke guitar random modern justice filter withdraw trouble"
                    + " identify mailman insect general cover oven",
                "hour painting academic agency artist again daisy capital beaver fiber much enjoy suitable symbolic"
                    + " identify photo editor romp float echo",
            ],
            ""),
        new(
            "13. Mnemonics giving an invalid digest (128 bits)",
            [
                "guilt walnut academic acid deliver remove equip listen vampire tactics nylon rhythm failure husband"
                    + " fatigue alive blind enemy teaspoon rebound",
                "guilt walnut academic agency brave hamster hobo declare herd taste alpha slim criminal mild arcade"
                    + " formal romp branch pink ambition",
            ],
            ""),
        new(
            "14. Insufficient number of groups (128 bits, case 1)",
            [
                "eraser senior beard romp adorn nuclear spill corner cradle style ancient family general leader ambition"
                    + " exchange unusual garlic promise voice",
            ],
            ""),
        new(
            "16. Threshold number of groups, but insufficient number of members in one group (128 bits)",
            [
                "eraser senior decision shadow artist work morning estate greatest pipeline plan ting petition forget"
                    + " hormone flexible general goat admit surface",
                "eraser senior beard romp adorn nuclear spill corner cradle style ancient family general leader ambition"
                    + " exchange unusual garlic promise voice",
            ],
            ""),
        new(
            "19. Threshold number of groups and members in each group (128 bits, case 3)",
            [
                "eraser senior beard romp adorn nuclear spill corner cradle style ancient family general leader ambition"
                    + " exchange unusual garlic promise voice",
                "eraser senior acrobat romp bishop medical gesture pumps secret alive ultimate quarter priest subject"
                    + " class dictate spew material endless market",
            ],
            "7c3397a292a5941682d7a4ae2d898d11"),
        new(
            "20. Valid mnemonic without sharing (256 bits)",
            [
                "theory painting academic academic armed sweater year military elder discuss acne wildlife boring"
                    + " employer fused large satoshi bundle carbon diagnose anatomy hamster leaves tracks paces beyond phantom"
                    + " capital marvel lips brave detect luck",
            ],
            "989baf9dcaad5b10ca33dfd8cc75e42477025dce88ae83e75a230086a0e00e92"),
        new(
            "23. Basic sharing 2-of-3 (256 bits)",
            [
                "humidity disease academic always aluminum jewelry energy woman receiver strategy amuse duckling lying"
                    + " evidence network walnut tactics forget hairy rebound impulse brother survive clothes stadium mailman"
                    + " rival ocean reward venture always armed unwrap",
                "humidity disease academic agency actress jacket gross physics cylinder solution fake mortgage benefit"
                    + " public busy prepare sharp friar change work slow purchase ruler again tricycle involve viral wireless"
                    + " mixture anatomy desert cargo upgrade",
            ],
            "c938b319067687e990e05e0da0ecce1278f75ff58d9853f19dcaeed5de104aae"),
        new(
            "39. Mnemonic with insufficient length",
            [
                "junk necklace academic academic acne isolate join hesitate lunar roster dough calcium chemical ladybug"
                    + " amount mobile glasses verify cylinder",
            ],
            ""),
        new(
            "40. Mnemonic with invalid master secret length",
            [
                "fraction necklace academic academic award teammate mouse regular testify coding building member verdict"
                    + " purchase blind camera duration email prepare spirit quarter",
            ],
            ""),
        new(
            "41. Valid mnemonics which can detect some errors in modular arithmetic",
            [
                "herald flea academic cage avoid space trend estate dryer hairy evoke eyebrow improve airline artwork"
                    + " garlic premium duration prevent oven",
                "herald flea academic client blue skunk class goat luxury deny presence impulse graduate clay join"
                    + " blanket bulge survive dish necklace",
                "herald flea academic acne advance fused brother frozen broken game ranked ajar already believe check"
                    + " install theory angry exercise adult",
            ],
            "ad6f2ad8b59bbbaa01369b9006208d9a"),
        new(
            "42. Valid extendable mnemonic without sharing (128 bits)",
            [
                "testify swimming academic academic column loyalty smear include exotic bedroom exotic wrist lobe cover"
                    + " grief golden smart junior estimate learn",
            ],
            "1679b4516e0ee5954351d288a838f45e"),
        new(
            "45. Extendable basic sharing 2-of-3 (256 bits)",
            [
                "western apart academic always artist resident briefing sugar woman oven coding club ajar merit pecan"
                    + " answer prisoner artist fraction amount desktop mild false necklace muscle photo wealthy alpha category"
                    + " unwrap spew losing making",
                "western apart academic acid answer ancient auction flip image penalty oasis beaver multiple thunder"
                    + " problem switch alive heat inherit superior teaspoon explain blanket pencil numb lend punish endless aunt"
                    + " garlic humidity kidney observe",
            ],
            "8dc652d6d6cd370d8c963141f6d79ba440300f25c467302c1d966bff8f62300d"),
    ];
}
