"""Who someone is: persons, sign-ins, second factors, invitations, and the machines that joined."""
