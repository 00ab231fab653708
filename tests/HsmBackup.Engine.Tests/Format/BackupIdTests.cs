using System.Globalization;
using HsmBackup.Engine.Format;
using Xunit;

namespace HsmBackup.Engine.Tests.Format;

public sealed class BackupIdTests
{
    private static readonly DateTimeOffset Time = new(2026, 11, 21, 23, 53, 0, 999, TimeSpan.FromHours(1));

    [Theory]
    [InlineData("payments", "payments")]
    [InlineData("Payments EU (old)", "payments-eu--old-")]
    [InlineData("a.b_c-d", "a.b_c-d")]
    [InlineData("IIII", "iiii")]
    [InlineData("İstanbul", "-stanbul")]
    [InlineData("\u212Aelvin", "-elvin")]
    [InlineData("schlüssel", "schl-ssel")]
    [InlineData("key 🔑", "key--")]
    [InlineData("../../etc", "..-..-etc")]
    [InlineData("", "-")]
    public void The_name_of_the_cluster_becomes_safe_for_file_names(string name, string slug)
    {
        foreach (string culture in (string[])["", "tr-TR", "de-DE", "ar-SA", "th-TH"])
        {
            CultureInfo before = CultureInfo.CurrentCulture;
            try
            {
                CultureInfo.CurrentCulture = CultureInfo.GetCultureInfo(culture);
                BackupId id = BackupId.New(name, Time);
                Assert.Equal(slug, id.Slug);
                Assert.StartsWith("20261121T225300Z-", id.ToString(), StringComparison.Ordinal);
                Assert.True(BackupId.TryParse(id.ToString(), out BackupId? parsed));
                Assert.Equal(id, parsed);
                Assert.Equal(id.Created, parsed.Created);
            }
            finally
            {
                CultureInfo.CurrentCulture = before;
            }
        }
    }

    [Fact]
    public void A_long_name_is_cut()
    {
        BackupId id = BackupId.New(new string('a', 1000), Time);
        Assert.Equal(64, id.Slug.Length);
        Assert.True(BackupId.IsValid(id.ToString()));
    }

    [Fact]
    public void The_time_is_in_UTC_and_whole_seconds()
    {
        BackupId id = BackupId.New("a", Time);
        Assert.Equal(new DateTimeOffset(2026, 11, 21, 22, 53, 0, TimeSpan.Zero), id.Created);
        Assert.Equal(TimeSpan.Zero, id.Created.Offset);
        Assert.Equal(id.ToString() + ".hsmbackup", id.FileName);
    }

    [Fact]
    public void Two_backups_of_one_second_have_different_ids()
    {
        Assert.NotEqual(BackupId.New("a", Time), BackupId.New("a", Time));
    }

    [Fact]
    public void Ids_sort_by_time()
    {
        BackupId[] ids = [.. Enumerable.Range(0, 5).Select(day => BackupId.New("z", Time.AddDays(-day)))];
        Assert.Equal(ids.Reverse(), ids.Order());
        Assert.True(ids[1] < ids[0] && ids[0] > ids[1] && ids[0] >= ids[1] && ids[1] <= ids[0]);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("20261121T225300Z-payments-0a1b2c3")]
    [InlineData("20261121T225300Z-payments-0a1b2c3g")]
    [InlineData("20261121T225300Z-payments-0A1B2C3D")]
    [InlineData("20261121T225300Z--0a1b2c3d")]
    [InlineData("20261121T225300Z-Payments-0a1b2c3d")]
    [InlineData("20261121T225300Z-pay/ments-0a1b2c3d")]
    [InlineData("20261121T225300Z-pay\nments-0a1b2c3d")]
    [InlineData("20261121T225300Z_payments-0a1b2c3d")]
    [InlineData("20261121T225300Z-payments_0a1b2c3d")]
    [InlineData("20261121T246000Z-payments-0a1b2c3d")]
    [InlineData("20260230T225300Z-payments-0a1b2c3d")]
    [InlineData("20261121t225300z-payments-0a1b2c3d")]
    [InlineData(" 20261121T225300Z-payments-0a1b2c3d")]
    [InlineData("20261121T225300Z-payments-0a1b2c3d.hsmbackup")]
    [InlineData("20261121T225300Z-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-0a1b2c3d")]
    public void Other_text_is_not_an_id(string? text)
    {
        Assert.False(BackupId.IsValid(text));
    }
}
