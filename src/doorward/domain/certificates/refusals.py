"""Why a certificate was not issued or not accepted, each reason with its stable code."""

from doorward.base.errors import Invalid, Refused


class BadSubject(Invalid):
    """A login, name, address or option that can not stand in a certificate."""

    code = "bad_certificate_subject"


class BadPublicKey(Invalid):
    """The key to certify is of a kind or size that is not accepted."""

    code = "bad_public_key"


class LifetimeRefused(Refused):
    """Longer than the ceiling of this kind of certificate, or not positive."""

    code = "lifetime_refused"


class ExtensionRefused(Refused):
    """An extension that this kind of certificate never carries."""

    code = "extension_refused"


class CertificateRefused(Refused):
    """The root of the reasons why a shown certificate does not count."""

    code = "certificate_refused"


class UntrustedAuthority(CertificateRefused):
    """Signed by none of the authorities that are trusted for this."""

    code = "certificate_untrusted_authority"


class BadCertificateSignature(CertificateRefused):
    """The authority's signature does not match."""

    code = "certificate_bad_signature"


class WrongCertificateType(CertificateRefused):
    """A host's where a user's is expected, or the other way round; for X.509: another kind of identity."""

    code = "certificate_wrong_type"


class WrongPrincipals(CertificateRefused):
    """None, several, or another one than expected."""

    code = "certificate_wrong_principals"


class UnknownCriticalOption(CertificateRefused):
    """An option that must be understood, and is not."""

    code = "certificate_unknown_critical_option"


class NotYetValid(CertificateRefused):
    """Its time has not come: one of the two clocks is wrong."""

    code = "certificate_not_yet_valid"


class CertificateExpired(CertificateRefused):
    """Its time is over."""

    code = "certificate_expired"


class LifetimeTooLong(CertificateRefused):
    """It lives longer than anything that we issue of its kind."""

    code = "certificate_lifetime_too_long"


class WrongKeyId(CertificateRefused):
    """The correlation id is missing or of another kind."""

    code = "certificate_wrong_key_id"


class ProofRefused(Refused):
    """The signed sign-in is not a proof: a wrong signature, or a key where a certificate is expected."""

    code = "proof_refused"
