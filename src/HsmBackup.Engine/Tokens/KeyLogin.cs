using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Tokens;

/// <summary>The PIN for keys that ask for it at each use.</summary>
internal sealed class KeyLogin(Pin? pin)
{
    private Pin? _pin = pin;

    /// <summary>Whether a key asks for a PIN that is not to be had.</summary>
    public bool IsMissingFor(ObjectRecord record) => Asks(record) && _pin is null;

    /// <summary>The PIN where the key asks for it; else empty.</summary>
    public ReadOnlySpan<byte> For(ObjectRecord record) => Asks(record) && _pin is not null ? _pin.Bytes : default;

    /// <summary>Takes note of an answer. A PIN that was refused is not sent again.</summary>
    public void Note(ulong rv)
    {
        if (rv is Ckr.PinIncorrect or Ckr.PinInvalid or Ckr.PinLenRange or Ckr.PinExpired or Ckr.PinLocked)
        {
            _pin = null;
        }
    }

    private static bool Asks(ObjectRecord record) => record.Attributes.Boolean(Cka.AlwaysAuthenticate) == true;
}
